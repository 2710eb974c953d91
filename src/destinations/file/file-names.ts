/**
 * Names of the files: `TOPIC.jsonl` for the one that is written, `TOPIC.20260131T235959Z-1.jsonl` for one that is done.
 *
 * Promise: no topic leads out of the folder, and no topic's file can be taken for another's.
 */
import { join } from "node:path";

/** Room is left for the time and the ending within the 255 bytes that file systems allow. */
const TOPIC = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;
const ROTATED = /\.\d{8}T\d{6}Z-\d+$/;
const ROTATED_PARTS = /^\.(\d{8}T\d{6}Z)-(\d+)$/;
const ENDING = ".jsonl";

/** Null when the topic can be a file name, else why not. Topics are checked before; this is the last line. */
export function topicFault(topic: string): string | null {
  if (!TOPIC.test(topic)) return "a topic in files has 1 to 200 of the characters A-Z a-z 0-9 . _ - and does not begin with a dot";
  if (ROTATED.test(topic)) return "a topic in files must not end as a rotated file does, such as .20260131T235959Z-1";
  return null;
}

export function openPath(folder: string, topic: string): string {
  return join(folder, `${topic}${ENDING}`);
}

/** @param nowMs - When it was rotated, milliseconds since 1970. @param number - Tells files of the same second apart, from 1. */
export function rotatedPath(folder: string, topic: string, nowMs: number, number: number): string {
  const time = new Date(nowMs)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(/[-:]/g, "");
  return join(folder, `${topic}.${time}-${number}${ENDING}`);
}

/** The files of a topic among the names in the folder, in the order in which they were written. */
export function filesOfTopic(names: readonly string[], topic: string): readonly string[] {
  const open = `${topic}${ENDING}`;
  const rotated = names.flatMap((name) => {
    if (!name.startsWith(`${topic}.`) || !name.endsWith(ENDING)) return [];
    const [, time = "", number = ""] = ROTATED_PARTS.exec(name.slice(topic.length, -ENDING.length)) ?? [];
    return time === "" ? [] : [{ name, time, number: Number(number) }];
  });
  rotated.sort((left, right) => (left.time === right.time ? left.number - right.number : left.time < right.time ? -1 : 1));
  return [...rotated.map(({ name }) => name), ...names.filter((name) => name === open)];
}

/** The topic whose open file this is; null for rotated and foreign files. */
export function topicOfOpenFile(name: string): string | null {
  if (!name.endsWith(ENDING)) return null;
  const topic = name.slice(0, -ENDING.length);
  return topicFault(topic) === null ? topic : null;
}
