/** A small log with an archive, and what both hold of what is done. */
import { deepEqual } from "node:assert/strict";
import { basename } from "node:path";
import type { RetainSettings } from "../retain-settings.ts";
import { KIB, SmallLog, type Over } from "./small-log.ts";

export const ARCHIVE = "/data/archive/out";
const KEEP_ALL: RetainSettings = { keepMs: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };

export interface ArchivedLog {
  readonly small: SmallLog;
  readonly notices: string[];
}

export async function openArchived(over: Over = {}, retain: Partial<RetainSettings> = {}, seed = 1): Promise<ArchivedLog> {
  const notices: string[] = [];
  const archive = { folder: ARCHIVE, retain: { ...KEEP_ALL, ...retain }, onNotice: (text: string) => notices.push(text) };
  return { small: await SmallLog.open({ segmentBytesMax: 32 * KIB, ...over, archive }, seed), notices };
}

export function archived(small: SmallLog): string[] {
  return small.memory.files(ARCHIVE).map((path) => basename(path));
}

/** Texts of the messages that are done and can still be read; they come in order, each once. */
export async function history(small: SmallLog, from = 0): Promise<string[]> {
  const { history: read } = small.log;
  const found: { readonly logSequence: number; readonly eventId: string }[] = [];
  for await (const { messages } of read.read(from, read.end, () => true)) found.push(...messages);
  const numbers = found.map(({ logSequence }) => logSequence);
  deepEqual(
    numbers,
    [...new Set(numbers)].toSorted((a, b) => a - b),
    "in order, each once",
  );
  return found.map(({ eventId }) => eventId.slice("event-".length));
}
