/** What the parts of this bench share: sizes, a folder on the disk that is measured, the turn of contestants. */
import { settleDisk, withFolder as inFolder } from "../scratch.ts";

export const MIB = 1024 * 1024;

/** How much is done in one pass. */
export interface Extent {
  readonly passes: number;
  /** Of the append contest, each contestant. */
  readonly appendSeconds: number;
  readonly backlogBytes: number;
  /** Durable appends beside something else, each way. */
  readonly pacedSeconds: number;
  /** Budget of the log that one tenant fills. */
  readonly tenantBytesMax: number;
  /** Disk that must be free. */
  readonly diskBytes: number;
}

export const FULL: Extent = {
  passes: 5,
  appendSeconds: 3,
  backlogBytes: 10 * 1024 * MIB,
  pacedSeconds: 10,
  tenantBytesMax: 4096 * MIB,
  diskBytes: 16 * 1024 * MIB,
};

/** For trying: its figures say little. */
export const SHORT: Extent = {
  passes: 1,
  appendSeconds: 1,
  backlogBytes: 3072 * MIB,
  pacedSeconds: 2,
  tenantBytesMax: 256 * MIB,
  diskBytes: 6 * 1024 * MIB,
};

export interface Site {
  readonly extent: Extent;
  /** Removed with the bench, however that ends. */
  readonly folder: string;
  /** A file of lines of 1 KiB. */
  readonly payloadFile: string;
  /** For people who wait. */
  readonly tell: (text: string) => void;
}

/** What a part found: for people, and for programs. */
export interface Found {
  readonly text: string;
  readonly figures: unknown;
}

/** As for any bench; and the disk is at rest after it. */
export async function withFolder<Result>(site: Site, name: string, work: (folder: string) => Promise<Result>): Promise<Result> {
  try {
    return await inFolder(site, name, work);
  } finally {
    settleDisk(site);
  }
}

/** In each pass another one is the first: what a pass before or the machine's other work leaves behind hits all alike. */
export function inTurn<Item>(items: readonly Item[], pass: number): readonly Item[] {
  const first = pass % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}
