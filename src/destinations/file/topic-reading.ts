/**
 * Reads a topic's files from the first line to the last whole one, while they may be written.
 *
 * Promise: nothing changes, no lock is taken, and a bounded part of a file is in memory at a time. A file that is renamed
 * meanwhile is read under its new name, once.
 */
import { open, readdir, type FileHandle } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { DestinationContext, StoredMessage, TopicPage } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import { filesOfTopic, topicFault } from "./file-names.ts";
import { systemCode } from "./file-operations.ts";

const CHUNK_BYTES = 256 * 1024;
/** A line that is longer was not written by the driver. */
const LINE_BYTES_MAX = 256 * 1024 * 1024;
const NEWLINE = 0x0a;
/** More renames than this while files are opened, and something else is wrong. */
const LOOKS_MAX = 10;

interface OpenFile {
  readonly handle: FileHandle;
  readonly bytes: number;
}

/** As `DestinationDriver.read` has it. Its one partition is numbered 0, its offsets are lines from 0. */
export async function* readTopicFiles(
  path: string,
  topic: string,
  { signal }: Pick<DestinationContext, "signal">,
): AsyncGenerator<TopicPage> {
  const fault = topicFault(topic);
  if (fault !== null) throw new SidestreamError("SST_TOPIC_INVALID", fault);
  const folder = resolve(path);
  const files = await openAll(folder, topic);
  const bytesTotal = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let offset = 0;
  let bytesBefore = 0;
  try {
    for (const { handle, bytes } of files) {
      for await (const { lines, bytesRead } of linesOf(handle, bytes)) {
        signal.throwIfAborted();
        const messages = lines.map((value): StoredMessage => ({ offset: offset++, key: "", headers: [], value }));
        // Files that are done are often taken away, and nobody says so.
        yield { partition: 0, messages, isFromBegin: false, share: (bytesBefore + bytesRead) / bytesTotal };
      }
      bytesBefore += bytes;
    }
  } catch (cause) {
    if (systemCode(cause) === "" || signal.aborted) throw cause;
    throw new SidestreamError("SST_DESTINATION_DISK", `cannot read topic ${topic} in ${folder}: ${systemCode(cause)}`, { cause });
  } finally {
    await Promise.all(files.map(({ handle }) => handle.close()));
  }
}

/** All at once, so that none gets another name, and is missed, while one before it is read. */
async function openAll(folder: string, topic: string): Promise<readonly OpenFile[]> {
  for (let looks = 1; ; looks++) {
    const names = filesOfTopic(await list(folder), topic);
    if (names.length === 0)
      throw new SidestreamError("SST_TOPIC_MISSING", `${folder} has no file of topic ${topic}: nothing was delivered to it yet`);
    const files: OpenFile[] = [];
    try {
      for (const name of names) {
        const handle = await open(join(folder, name), "r");
        files.push({ handle, bytes: (await handle.stat()).size });
      }
      const after = filesOfTopic(await list(folder), topic);
      if (after.length === names.length || looks === LOOKS_MAX) return files;
    } catch (cause) {
      if (systemCode(cause) !== "ENOENT" || looks === LOOKS_MAX) {
        await closeAll(files);
        throw new SidestreamError("SST_DESTINATION_DISK", `cannot open topic ${topic} in ${folder}: ${systemCode(cause)}`, { cause });
      }
    }
    await closeAll(files);
  }
}

async function closeAll(files: readonly OpenFile[]): Promise<void> {
  await Promise.all(files.map(({ handle }) => handle.close()));
}

async function list(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    const code = systemCode(cause);
    const missing = code === "ENOENT" || code === "ENOTDIR";
    const text = missing ? `there is no folder ${folder}` : `cannot look into ${folder}: ${code}`;
    throw new SidestreamError(missing ? "SST_DESTINATION_UNREACHABLE" : "SST_DESTINATION_DISK", text, { cause });
  }
}

/** Whole lines, some at a time; a torn one at the end is none. */
async function* linesOf(handle: FileHandle, bytes: number): AsyncGenerator<{ lines: Buffer[]; bytesRead: number }> {
  let left: Buffer[] = [];
  let leftBytes = 0;
  for (let at = 0; at < bytes;) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, bytes - at));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    const lines: Buffer[] = [];
    let from = 0;
    for (let newline = chunk.indexOf(NEWLINE); newline !== -1 && newline < bytesRead; newline = chunk.indexOf(NEWLINE, from)) {
      lines.push(Buffer.concat([...left, chunk.subarray(from, newline)]));
      left = [];
      leftBytes = 0;
      from = newline + 1;
    }
    left.push(chunk.subarray(from, bytesRead));
    leftBytes += bytesRead - from;
    if (leftBytes > LINE_BYTES_MAX) throw new SidestreamError("SST_DESTINATION_UNSUPPORTED", "a line is longer than any that was written");
    yield { lines, bytesRead: at };
  }
}
