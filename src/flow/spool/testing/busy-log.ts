/** A log that appends more than a MiB, whose next segment is made ahead. */
import { ok } from "node:assert/strict";
import { DATA_OFFSET, FLAG_RESERVED } from "../format.ts";
import { FOLDER, KIB, settled, SmallLog, type Over } from "./small-log.ts";

export const SEGMENT_BYTES = 128 * KIB;
export const VALUE = 16 * KIB;
export const SPARE = `${FOLDER}/spare`;

export const openBusy = (over: Over = {}, seed = 1): Promise<SmallLog> => SmallLog.open({ segmentBytesMax: SEGMENT_BYTES, ...over }, seed);
export const put = (small: SmallLog, names: readonly string[]): Promise<void> =>
  small.put(names, (id) => ({ value: Buffer.alloc(VALUE, id) }));

/** Appends until there is a spare. */
export async function busy(small: SmallLog): Promise<string[]> {
  const names: string[] = [];
  while (!small.files().includes("spare") && names.length < 100) {
    names.push(`m${names.length}`);
    await put(small, names.slice(-1));
    await settled();
  }
  ok(names.length > 60 && names.length < 70, `${names.length} messages`);
  return names;
}

/** Appends until the spare is taken. @returns What was appended, and the name of the segment that it became. */
export async function taken(small: SmallLog, letter = "t"): Promise<{ readonly names: string[]; readonly name: string }> {
  const names: string[] = [];
  for (;;) {
    const next = `${letter}${names.length}`;
    await put(small, [next]);
    names.push(next);
    const name = small.files().findLast((each) => each.endsWith(".segment")) ?? "";
    if (names.length > 20) throw new Error("the spare is never taken");
    if (((small.header(name)?.flags ?? 0) & FLAG_RESERVED) !== 0) return { names, name };
  }
}

/** A log whose open segment stands in the file of an earlier one, with messages behind it that are done. */
export async function used(small: SmallLog): Promise<{ readonly names: string[]; readonly name: string; readonly before: Buffer }> {
  await busy(small);
  await taken(small, "u");
  // The file made ahead is in use: the next segment that is done becomes the spare.
  await small.confirm(() => true);
  const before = Buffer.from(small.memory.bytes(SPARE));
  ok(before.includes("event-m"), "it is a segment's file");
  const all: string[] = [];
  for (;;) {
    const { names, name } = await taken(small, `v${all.length}-`);
    all.push(...names);
    if (small.memory.bytes(`${FOLDER}/${name}`).subarray(DATA_OFFSET).includes("event-m")) return { names: all, name, before };
  }
}
