/** A folder for one test, and a look at the lines in it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { OutgoingMessage, SendOutcome } from "../../../driver/destination.ts";

export function temporaryFolder(context?: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-file-"));
  context?.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Names of message files, rotated ones of a topic before its open one. */
export function messageFiles(folder: string): readonly string[] {
  const order = (name: string): string => name.replace(/\.jsonl$/, /\.\d{8}T\d{6}Z-\d+\.jsonl$/.test(name) ? "" : "~");
  // Numbers of one second are compared as numbers.
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .toSorted((a, b) => order(a).localeCompare(order(b), "en", { numeric: true }));
}

/** All whole lines of a topic, in order; an unfinished one is left out. */
export function linesOf(folder: string, topic: string): readonly string[] {
  const lines: string[] = [];
  for (const name of messageFiles(folder)) {
    if (name !== `${topic}.jsonl` && !(name.startsWith(`${topic}.`) && /^\d{8}T/.test(name.slice(topic.length + 1)))) continue;
    lines.push(...readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1));
  }
  return lines;
}

let sequence = 0;

export function outgoing(topic: string, value: string): OutgoingMessage {
  sequence += 1;
  return { topic, key: "key", headers: [], value: Buffer.from(value), sequence };
}

export function codes(outcomes: readonly SendOutcome[]): readonly (string | null)[] {
  return outcomes.map((outcome) => outcome?.code ?? null);
}

export const never = new AbortController().signal;
