/** What the spool's tests share: a message, a folder that goes away, a log opened in it, a disk that fails on demand. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { SidestreamError } from "../../../errors.ts";
import type { Message } from "../../message/message.ts";
import { DestinationLog } from "../destination-log.ts";
import { disk, type Disk, type DiskFile } from "../disk.ts";
import type { SpoolFinding } from "../findings.ts";
import type { Confirmation, SpooledMessage } from "../spooled.ts";
import { withWriteSynced } from "./write-synced.ts";

export function message(text: string, over: Partial<Message> = {}): Message {
  return {
    stream: "users-audit",
    rule: 1,
    revision: "0123456789ab",
    tenant: "diku",
    source: "front",
    sourcePosition: 0,
    eventId: `event-${text}`,
    topic: "users",
    key: "diku/1",
    headers: [["content-type", "application/cloudevents+json"]],
    value: Buffer.from(text),
    acceptedMs: 1_795_000_000_000,
    exactlyOnce: false,
    ...over,
  };
}

export function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-spool-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface OpenedLog {
  readonly log: DestinationLog;
  readonly findings: SpoolFinding[];
}

export async function openLog(
  folder: string,
  over: { readonly disk?: Disk; readonly bytesMax?: number; readonly topicsMax?: number; readonly numbered?: boolean } = {},
): Promise<OpenedLog> {
  const findings: SpoolFinding[] = [];
  const log = await DestinationLog.open({
    disk: over.disk ?? disk,
    folder,
    destination: "out",
    bytesMax: over.bytesMax ?? 64 * 1024 * 1024,
    topicsMax: over.topicsMax ?? 100,
    numbered: over.numbered ?? false,
    onFinding: (finding) => findings.push(finding),
  });
  return { log, findings };
}

/** Reads all that may be read from the low-water mark on. */
export async function readAll(log: DestinationLog): Promise<SpooledMessage[]> {
  const messages: SpooledMessage[] = [];
  let next = log.confirmedSequence;
  while (next < log.durableSequence) {
    const result = await log.read(next, 64 * 1024);
    messages.push(...result.messages.filter(({ logSequence }) => !log.isConfirmed(logSequence)));
    next = result.nextSequence;
  }
  return messages;
}

export function texts(messages: readonly SpooledMessage[]): string[] {
  return messages.map(({ value }) => value.toString());
}

export function delivered(from: SpooledMessage): Confirmation {
  const { logSequence, stream, tenant, frameBytes } = from;
  return { logSequence, stream, tenant, frameBytes, lane: "0", outcome: "delivered", reason: null };
}

/** What of a disk can be made to fail. */
export type DiskOperation =
  | "write"
  | "sync"
  | "create"
  | "syncFolder"
  | "open"
  | "read"
  | "truncate"
  | "remove"
  | "rename"
  | "link"
  | "close";

/** A disk whose operations can be made to fail, on top of another. */
export class FailingDisk implements Disk {
  /** Asked before each operation; an error code makes it fail. */
  fail: (operation: DiskOperation, path: string) => string | null = () => null;
  /** A write that fails leaves this share of its bytes behind. */
  writtenShare = 0;
  readonly #disk: Disk;

  constructor(under: Disk = disk) {
    this.#disk = under;
  }

  makeFolder = (path: string): Promise<void> => this.#disk.makeFolder(path);
  list = (folder: string): Promise<readonly string[]> => this.#disk.list(folder);
  listFolders = (folder: string): Promise<readonly string[]> => this.#disk.listFolders(folder);
  exists = (path: string): Promise<boolean> => this.#disk.exists(path);

  async remove(path: string): Promise<void> {
    this.#check("remove", path);
    await this.#disk.remove(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#check("rename", from);
    await this.#disk.rename(from, to);
  }

  async link(from: string, to: string): Promise<void> {
    this.#check("link", from);
    await this.#disk.link(from, to);
  }

  async syncFolder(path: string): Promise<void> {
    this.#check("syncFolder", path);
    await this.#disk.syncFolder(path);
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    this.#check(mode === "create" ? "create" : "open", path);
    const file = await this.#disk.open(path, mode);
    return withWriteSynced({
      write: async (bytes, offset) => {
        try {
          this.#check("write", path);
        } catch (error) {
          if (this.writtenShare > 0) await file.write(bytes.subarray(0, Math.floor(bytes.length * this.writtenShare)), offset);
          throw error;
        }
        await file.write(bytes, offset);
      },
      sync: async () => {
        this.#check("sync", path);
        await file.sync();
      },
      read: async (target, offset) => {
        this.#check("read", path);
        return file.read(target, offset);
      },
      truncate: async (bytes) => {
        this.#check("truncate", path);
        await file.truncate(bytes);
      },
      size: () => file.size(),
      close: async () => {
        await file.close();
        this.#check("close", path);
      },
    });
  }

  #check(operation: DiskOperation, path: string): void {
    const code = this.fail(operation, path);
    if (code !== null)
      throw new SidestreamError("SST_SPOOL_IO", `could not ${operation} ${path}: ${code}`, {
        cause: Object.assign(new Error(code), { code }),
      });
  }
}
