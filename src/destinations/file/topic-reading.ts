/**
 * Reads a topic's files from the first line to the last whole one, while they may be written.
 *
 * Promise: nothing changes, no lock is taken, and a bounded part of a file is in memory at a time. A file that is renamed
 * meanwhile is read under its new name, once.
 */
import { constants } from "node:fs";
import { open, readdir, type FileHandle } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { DestinationContext, StoredMessage, TopicPage } from "../../driver/destination.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { filesOfTopic, topicFault, topicOfOpenFile } from "./file-names.ts";
import { systemCode } from "./file-operations.ts";

const CHUNK_BYTES = 256 * 1024;
/** A line that is longer was not written by the driver. */
const LINE_BYTES_MAX = 256 * 1024 * 1024;
const NEWLINE = 0x0a;
/** More renames than this while files are opened, and something else is wrong. */
const LOOKS_MAX = 10;
/** Topics of a folder that are named where the one that was meant isn't there. */
const NAMED_MAX = 10;
/** What isn't a file, such as a pipe, must not be waited for. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

interface OpenFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly bytes: number;
}

type Reader = Pick<DestinationContext, "signal" | "notice">;

/**
 * As `DestinationDriver.read` has it. Its one partition is numbered 0, its offsets are lines from 0.
 *
 * @param lineBytesMax - A longer line comes without its value: it is somebody else's.
 */
export async function* readTopicFiles(
  path: string,
  topic: string,
  { signal, notice = () => {} }: Reader,
  lineBytesMax: number = LINE_BYTES_MAX,
): AsyncGenerator<TopicPage> {
  const fault = topicFault(topic);
  if (fault !== null) throw new SidestreamError("SST_TOPIC_INVALID", fault);
  const folder = resolve(path);
  const files = await openAll(folder, topic);
  const bytesTotal = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let offset = 0;
  let bytesBefore = 0;
  // Files that are done are often taken away, and nobody says so; also of a topic that is empty now.
  const page = { partition: 0, isFromBegin: false };
  try {
    for (const file of files) {
      for await (const { lines, bytesRead } of linesOf(file, lineBytesMax, notice)) {
        signal.throwIfAborted();
        const messages = lines.map((value): StoredMessage => ({ offset: offset++, key: "", headers: [], value }));
        yield { ...page, messages, share: (bytesBefore + bytesRead) / bytesTotal };
      }
      bytesBefore += file.bytes;
    }
    if (bytesTotal === 0) yield { ...page, messages: [], share: 1 };
  } catch (cause) {
    if (systemCode(cause) === "" || signal.aborted) throw cause;
    throw new SidestreamError("SST_DESTINATION_DISK", `cannot read topic ${topic} in ${folder}: ${systemCode(cause)}`, { cause });
  } finally {
    await closeAll(files);
  }
}

/** All at once, so that none gets another name, and is missed, while one before it is read. */
async function openAll(folder: string, topic: string): Promise<readonly OpenFile[]> {
  for (let looks = 1; ; looks++) {
    const all = await list(folder);
    const names = filesOfTopic(all, topic);
    if (names.length === 0) throw missing(folder, topic, all);
    const files: OpenFile[] = [];
    try {
      for (const name of names) files.push(await openOne(join(folder, name)));
      const after = filesOfTopic(await list(folder), topic);
      if (after.length === names.length || looks === LOOKS_MAX) return files;
    } catch (cause) {
      if (systemCode(cause) !== "ENOENT" || looks === LOOKS_MAX) {
        await closeAll(files);
        if (isSidestreamError(cause)) throw cause;
        throw new SidestreamError("SST_DESTINATION_DISK", `cannot open topic ${topic} in ${folder}: ${systemCode(cause)}`, { cause });
      }
    }
    await closeAll(files);
  }
}

async function openOne(path: string): Promise<OpenFile> {
  const handle = await open(path, OPEN_FLAGS);
  const found = await handle.stat();
  if (found.isFile()) return { path, handle, bytes: found.size };
  await handle.close();
  const what = found.isDirectory() ? "a folder" : "no file";
  throw new SidestreamError("SST_COMMAND_INVALID", `${path} is ${what}, where a file of the topic was expected`);
}

function missing(folder: string, topic: string, names: readonly string[]): SidestreamError {
  const topics = names.flatMap((name) => topicOfOpenFile(name) ?? []).toSorted();
  const more = topics.length > NAMED_MAX ? ` and ${topics.length - NAMED_MAX} more` : "";
  const others = topics.length === 0 ? "nor of any other" : `but of ${topics.slice(0, NAMED_MAX).join(", ")}${more}`;
  return new SidestreamError("SST_TOPIC_MISSING", `${folder} has no file of topic ${topic}, ${others}: nothing was delivered to it yet`);
}

async function closeAll(files: readonly OpenFile[]): Promise<void> {
  await Promise.all(files.map(({ handle }) => handle.close()));
}

async function list(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT") throw new SidestreamError("SST_TOPIC_MISSING", `there is no folder ${folder}`, { cause });
    if (code === "ENOTDIR")
      throw new SidestreamError("SST_COMMAND_INVALID", `${folder} is, or lies in, a file, where a folder was expected`, { cause });
    throw new SidestreamError("SST_DESTINATION_DISK", `cannot look into ${folder}: ${code}`, { cause });
  }
}

/** Whole lines, some at a time; a torn one at the end is none. Null: one that is too long. */
async function* linesOf(
  { path, handle, bytes }: OpenFile,
  lineBytesMax: number,
  notice: (text: string) => void,
): AsyncGenerator<{ lines: (Buffer | null)[]; bytesRead: number }> {
  let left: Buffer[] = [];
  let leftBytes = 0;
  for (let at = 0; at < bytes;) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, bytes - at));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    const lines: (Buffer | null)[] = [];
    let from = 0;
    for (let newline = chunk.indexOf(NEWLINE); newline !== -1 && newline < bytesRead; newline = chunk.indexOf(NEWLINE, from)) {
      const isTooLong = leftBytes + newline - from > lineBytesMax;
      if (isTooLong) notice(`${path} has a line that is longer than any of Sidestream's (${lineBytesMax} bytes): it is left out`);
      lines.push(isTooLong ? null : Buffer.concat([...left, chunk.subarray(from, newline)]));
      left = [];
      leftBytes = 0;
      from = newline + 1;
    }
    left.push(chunk.subarray(from, bytesRead));
    leftBytes += bytesRead - from;
    // Of a line that is too long nothing but its length is kept.
    if (leftBytes > lineBytesMax) left = [];
    yield { lines, bytesRead: at };
  }
  if (leftBytes > 0)
    notice(
      `${path} ends within a line, which is left out: it is being written, or its writer was killed, or it is no file of Sidestream's`,
    );
}
