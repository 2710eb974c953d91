/**
 * Who reads a log on disk, to be held against each other: the decoder that was written from docs/spool-format.md alone,
 * `sidestream spool export`, and a start of the program.
 */
import { equal } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { disk } from "../src/flow/spool/disk.ts";
import { exportLog, type ExportSettings } from "../src/flow/spool/export.ts";
import type { SpoolFinding } from "../src/flow/spool/findings.ts";
import type { SpooledMessage } from "../src/flow/spool/spooled.ts";
import { described } from "../src/flow/spool/testing/write-fixture.ts";

const DECODER = join(import.meta.dirname, "spool-decoder.py");

const hasPython = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 8))"]).status === 0;
/** Where tests must be whole, a missing Python is a failure; elsewhere it is told. */
export const withoutPython: string | false =
  hasPython || process.env["CI"] === "true" ? false : "python3 is not here: the decoder written from the format's page can't run";

/** A message as decoder and export print it. */
export interface Decoded {
  readonly number: number;
  readonly logId: string;
  /** Null of a dead letter. */
  readonly done: boolean | null;
  readonly dead?: { readonly code: string; readonly reason: string; readonly logSequence: number; readonly logId: string };
  readonly [key: string]: unknown;
}

export interface DecoderAnswer {
  /** 0 when nothing is damaged or missing. */
  readonly status: number | null;
  readonly messages: readonly Decoded[];
  readonly told: string;
}

/** Control records in force, oldest first, the lanes of the cursor, and how far sources were read. */
export interface Kept {
  readonly control: readonly unknown[];
  readonly lanes: Readonly<Record<string, readonly unknown[]>>;
  /** How far each source was read. */
  readonly progress: Readonly<Record<string, number>>;
  /** Of the event there: its messages. */
  readonly begun: Readonly<Record<string, readonly string[]>>;
}

/** The decoder's answer. Its standard output is as `sidestream spool export` prints it. */
export function runDecoder(...words: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const { error, ...ended } = spawnSync("python3", [DECODER, ...words], { encoding: "utf8", maxBuffer: 256 * 1024 * 1024 });
  equal(error, undefined);
  return ended;
}

function messagesIn(text: string): Decoded[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Decoded);
}

export function decode(folder: string): DecoderAnswer {
  const { status, stdout, stderr } = runDecoder(folder);
  return { status, messages: messagesIn(stdout), told: stderr };
}

export function decodeKept(folder: string): Kept {
  return JSON.parse(runDecoder("--kept", folder).stdout) as Kept;
}

/** What `sidestream spool export` prints, as it prints it, and what it tells beside. */
export async function exportedText(
  folder: string,
  over: Partial<ExportSettings> = {},
): Promise<{ readonly text: string; readonly findings: readonly SpoolFinding[] }> {
  let text = "";
  const findings: SpoolFinding[] = [];
  await exportLog({
    disk,
    folder,
    kind: "messages",
    pendingOnly: false,
    write: (lines) => {
      text += lines;
      return Promise.resolve(true);
    },
    onFinding: (finding) => findings.push(finding),
    onProgress: () => undefined,
    ...over,
  });
  return { text, findings };
}

/** The same, read. */
export async function exported(
  folder: string,
): Promise<{ readonly messages: readonly Decoded[]; readonly findings: readonly SpoolFinding[] }> {
  const { text, findings } = await exportedText(folder);
  return { messages: messagesIn(text), findings };
}

/** A message that the program read, as the others print it. */
export function asDecoded(from: SpooledMessage): unknown {
  const { logSequence, ...rest } = described(from) as { readonly logSequence: number };
  return { number: logSequence, ...rest };
}

/** A message as the others print it, without what the program knows of the log. */
export function withoutLog(decoded: Decoded): unknown {
  return Object.fromEntries(Object.entries(decoded).filter(([name]) => !["logId", "done", "dead"].includes(name)));
}
