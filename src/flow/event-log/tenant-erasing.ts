/**
 * Takes a tenant's events out of a file of the event log.
 *
 * Promise: what is of others stays, and goes in its time. Cut short, the file is there as it was, or without the tenant's
 * events. A line that can't be read goes too: nobody can tell whose it is.
 */
import { join } from "node:path";
import { attributeText } from "../message/attribute-text.ts";
import { orNullWhereMissing, REWRITING_SUFFIX, type EventOperations } from "./event-files.ts";
import { eventLines } from "./event-lines.ts";

/** Bytes that are written at once. */
const PIECE_BYTES = 256 * 1024;
const LINE_END = Buffer.from("\n");

/** What a purge took out of the files. */
export interface EventsErased {
  readonly events: number;
  /** Name of the last file that this is through with. */
  readonly after: string;
  readonly isThrough: boolean;
  /** Paths of files that could not be rewritten. */
  readonly left: readonly string[];
}

export interface FileErased {
  /** Events of the tenant that went. */
  readonly events: number;
  /** Of the file by now; null: it is gone, since nothing of others was in it. */
  readonly bytes: number | null;
}

/** Tells the lines of a tenant's events from others. */
export class TenantLines {
  readonly #name: string;
  readonly #sign: Buffer;

  constructor(tenant: string) {
    this.#name = attributeText(tenant);
    this.#sign = Buffer.from(JSON.stringify(this.#name));
  }

  /** Null: the line is no event, or no whole one. */
  has(line: Buffer): boolean | null {
    // Most lines are of others, and needn't be read for that.
    if (!line.includes(this.#sign) && line.at(-1) === 0x7d) return false;
    try {
      const event = JSON.parse(line.toString("utf8")) as { readonly sidestreamtenant?: unknown } | null;
      return typeof event === "object" && event !== null ? event.sidestreamtenant === this.#name : null;
    } catch {
      return null;
    }
  }
}

/** @returns How many events of the tenant are in a file. @throws What the system says. */
export async function countTenantEvents(path: string, tenant: string): Promise<number> {
  const lines = new TenantLines(tenant);
  let events = 0;
  for await (const line of eventLines(path, { tornBytes: 0, oversized: 0 })) if (lines.has(line) === true) events += 1;
  return events;
}

/** @throws What the system says; the file is as it was then. */
export async function eraseTenantEvents(operations: EventOperations, path: string, tenant: string): Promise<FileErased> {
  const found = await orNullWhereMissing(operations.stat(path));
  if (found === null) return { events: 0, bytes: null };
  const lines = new TenantLines(tenant);
  const left = { tornBytes: 0, oversized: 0 };
  const aside = path + REWRITING_SUFFIX;
  await operations.remove(aside);
  const file = await operations.create(aside);
  let [events, unreadable, bytes] = [0, 0, 0];
  try {
    let piece: Buffer[] = [];
    let pieceBytes = 0;
    const write = async (): Promise<void> => {
      if (pieceBytes > 0) await file.appendFile(Buffer.concat(piece));
      bytes += pieceBytes;
      [piece, pieceBytes] = [[], 0];
    };
    for await (const line of eventLines(path, left)) {
      const isTheirs = lines.has(line);
      if (isTheirs === true) events += 1;
      else if (isTheirs === null) unreadable += 1;
      else {
        piece.push(line, LINE_END);
        pieceBytes += line.length + LINE_END.length;
      }
      if (pieceBytes >= PIECE_BYTES) await write();
    }
    await write();
  } catch (error) {
    await operations.remove(aside).catch(() => undefined);
    throw error;
  } finally {
    await file.close().catch(() => undefined);
  }
  if (bytes === 0) await operations.remove(path);
  if (bytes === 0 || (events === 0 && unreadable + left.tornBytes + left.oversized === 0)) {
    await operations.remove(aside);
    return { events, bytes: bytes === 0 ? null : found.size };
  }
  try {
    // It goes when it would have gone.
    await operations.date(aside, found.mtimeMs);
    await operations.rename(aside, path);
  } catch (error) {
    await operations.remove(aside).catch(() => undefined);
    throw error;
  }
  return { events, bytes };
}

export interface FilesToErase {
  readonly operations: EventOperations;
  readonly folder: string;
  /** The oldest first; nobody may be writing to them. */
  readonly names: readonly string[];
  /** Bytes of the file by now; null: it is gone. */
  readonly onRewritten: (name: string, bytes: number | null) => void;
}

/** Takes a tenant's events out of the files that are named. What can't be rewritten is left, and told. */
export async function eraseFiles(
  { operations, folder, names, onRewritten }: FilesToErase,
  { tenant, after, endMs }: { readonly tenant: string; readonly after: string; readonly endMs: number },
): Promise<EventsErased> {
  const left: string[] = [];
  let events = 0;
  let reached = after;
  for (const name of names) {
    if (name <= after) continue;
    if (reached > after && performance.now() >= endMs) return { events, after: reached, isThrough: false, left };
    try {
      const erased = await eraseTenantEvents(operations, join(folder, name), tenant);
      events += erased.events;
      onRewritten(name, erased.bytes);
    } catch {
      left.push(join(folder, name));
    }
    reached = name;
  }
  return { events, after: reached, isThrough: true, left };
}
