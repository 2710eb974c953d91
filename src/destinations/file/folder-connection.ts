/**
 * Writes batches into the files of a folder, one line per message.
 *
 * Promise: what is acknowledged survives power loss. A batch is written all or none, save for refused messages: after a
 * failure every file is cut back to where it was, so that a retry leaves neither a torn line nor a doubled one.
 */
import { join } from "node:path";
import type { PlainConnection, OutgoingMessage, SendOutcome } from "../../driver/destination.ts";
import { messageText } from "../../driver/message-text.ts";
import { SidestreamError } from "../../errors.ts";
import { openPath, topicFault, topicOfOpenFile } from "./file-names.ts";
import { systemCode, type FileOperations } from "./file-operations.ts";
import type { TopicFile, TopicFiles } from "./topic-files.ts";

/** Files written and synced at a time: more would only queue up at the disk. */
const WRITES_MAX = 16;
/** How often quiet topics are looked through for files that are due. */
const LOOK_MS_MAX = 60_000;
const CHECK_NAME = ".sidestream-check";
const NEWLINE = Buffer.from("\n");

export interface FolderParts {
  readonly folder: string;
  readonly files: TopicFiles;
  readonly operations: FileOperations;
  /** Null: never by size. */
  readonly rotateBytes: number | null;
  /** Null: never by age. */
  readonly rotateSeconds: number | null;
  readonly release: () => void;
}

interface Group {
  readonly topic: string;
  readonly buffers: Buffer[];
  bytes: number;
  /** Size of the file before it was written; null as long as it was not touched. */
  beforeBytes: number | null;
}

export class FolderConnection implements PlainConnection {
  readonly #parts: FolderParts;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #disposed: Promise<void> | null = null;

  constructor(parts: FolderParts) {
    this.#parts = parts;
    const ageMs = parts.rotateSeconds === null ? null : parts.rotateSeconds * 1000;
    if (ageMs === null) return;
    const look = (): void => void this.#inTurn(() => this.#rotateAged(ageMs));
    this.#timer = setInterval(look, Math.min(ageMs, LOOK_MS_MAX));
    this.#timer.unref();
  }

  send(batch: readonly OutgoingMessage[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    return this.#inTurn(async () => {
      const faults = batch.map(faultOf);
      // Once writing has begun it is not cut off: local writes end soon, and then the answer is sure.
      if (signal.aborted)
        return faults.map((fault) => fault ?? new SidestreamError("SST_DESTINATION_UNSURE", "told to stop before anything was written"));
      const groups = groupByTopic(batch.filter((_, index) => faults[index] === null));
      const failure = await this.#writeAll(groups);
      return faults.map((fault) => fault ?? failure);
    });
  }

  async check(): Promise<void> {
    const { folder, operations } = this.#parts;
    const path = join(folder, CHECK_NAME);
    try {
      await operations.remove(path);
      const handle = await operations.open(path, true);
      try {
        await handle.appendFile("check");
      } finally {
        await handle.close();
      }
      await operations.remove(path);
    } catch (cause) {
      throw this.#diskError(`cannot write into ${folder}`, cause);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    clearInterval(this.#timer ?? undefined);
    // A write that hangs keeps the lock: its late end must not meet the lines of a successor.
    await this.#inTurn(() => this.#parts.files.close());
    this.#parts.release();
  }

  /** One thing at a time: a rotation must not come between a write and its cut. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #writeAll(groups: readonly Group[]): Promise<SidestreamError | null> {
    // No file that is being written may be closed for another.
    const count = Math.min(WRITES_MAX, this.#parts.files.openMax);
    for (let first = 0; first < groups.length; first += count) {
      const chunk = groups.slice(first, first + count);
      const written = await Promise.allSettled(chunk.map((group) => this.#write(group)));
      const failed = written.find((result) => result.status === "rejected");
      if (failed !== undefined) return this.#undo(groups, failed.reason);
    }
    return null;
  }

  async #write(group: Group): Promise<void> {
    const { files } = this.#parts;
    let file = await files.use(group.topic);
    if (this.#isDue(file, group.bytes)) {
      await files.rotate(group.topic);
      file = await files.use(group.topic);
    }
    group.beforeBytes = file.sizeBytes;
    await file.handle.appendFile(Buffer.concat(group.buffers, group.bytes));
    await file.handle.datasync();
    await files.syncFolder();
    file.sizeBytes += group.bytes;
  }

  #isDue(file: TopicFile, bytes: number): boolean {
    const { rotateBytes, rotateSeconds } = this.#parts;
    if (file.sizeBytes === 0) return false;
    if (rotateBytes !== null && file.sizeBytes + bytes > rotateBytes) return true;
    return rotateSeconds !== null && Date.now() - file.bornMs >= rotateSeconds * 1000;
  }

  /** Cuts every file of the batch back to where it was. */
  async #undo(groups: readonly Group[], reason: unknown): Promise<SidestreamError> {
    const { folder, files } = this.#parts;
    const touched = groups.filter((group) => group.beforeBytes !== null);
    const cuts = await Promise.allSettled(touched.map(({ topic, beforeBytes }) => files.cutBack(topic, beforeBytes ?? 0)));
    const uncut = cuts.find((cut) => cut.status === "rejected");
    if (uncut === undefined) return this.#diskError(`cannot write into ${folder}`, reason);
    // The next opening cuts a torn line, but can't know of whole ones: they may be there twice.
    return new SidestreamError("SST_DESTINATION_UNSURE", `cannot write into ${folder}, nor take back what was written of the batch`, {
      cause: reason,
    });
  }

  /** Rotates what is due of topics that nothing is sent to. A failure is told by the next write to that topic, if it lasts. */
  async #rotateAged(ageMs: number): Promise<void> {
    const { folder, files, operations } = this.#parts;
    if (this.#disposed !== null) return;
    for (const name of await operations.list(folder).catch(() => [])) {
      const topic = topicOfOpenFile(name);
      if (topic === null) continue;
      try {
        const { size, birthtimeMs, mtimeMs } = await operations.stat(openPath(folder, topic));
        const bornMs = birthtimeMs > 0 ? birthtimeMs : mtimeMs;
        if (size > 0 && Date.now() - bornMs >= ageMs) await files.rotate(topic);
      } catch {
        continue;
      }
    }
    await files.syncFolder().catch(() => {});
  }

  #diskError(text: string, cause: unknown): SidestreamError {
    const code = systemCode(cause);
    // Without its folder the connection is of no use; a new one makes the folder again.
    const lost = code === "ENOENT" || code === "ENOTDIR" || code === "ESTALE";
    return new SidestreamError(lost ? "SST_DESTINATION_UNREACHABLE" : "SST_DESTINATION_DISK", code === "" ? text : `${text}: ${code}`, {
      cause,
    });
  }
}

function faultOf({ topic, value }: OutgoingMessage): SidestreamError | null {
  const fault =
    topicFault(topic) ??
    (value.length === 0
      ? "an empty message is no line of JSON"
      : value.includes(NEWLINE)
        ? "a message with a line break in it can't be one line"
        : null);
  return fault === null ? null : new SidestreamError("SST_DESTINATION_REFUSED", fault);
}

function groupByTopic(messages: readonly OutgoingMessage[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const message of messages) {
    const { topic } = message;
    let group = groups.get(topic);
    if (group === undefined) groups.set(topic, (group = { topic, buffers: [], bytes: 0, beforeBytes: null }));
    const text = messageText(message);
    group.buffers.push(text, NEWLINE);
    group.bytes += text.length + NEWLINE.length;
  }
  return [...groups.values()];
}
