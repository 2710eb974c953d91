/** Runs `tests/spool-decoder.py`, the reader of the spool that was written from docs/spool-format.md alone. */
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);
const DECODER = join(import.meta.dirname, "../../../../tests/spool-decoder.py");

export interface DecodedMessage {
  readonly number: number;
  readonly sequence: number;
  readonly topic: string;
  readonly eventId: string;
  /** Of a message in a log: whether it was confirmed. */
  readonly done: boolean | null;
  /** Base64. */
  readonly value: string;
  /** Of a dead letter. */
  readonly dead?: { readonly code: string; readonly logSequence: number };
}

/** Control records in force, oldest first, and the lanes of the cursor. */
export interface DecodedRecords {
  readonly control: readonly unknown[];
  readonly lanes: Readonly<Record<string, readonly unknown[]>>;
}

/** Why the decoder can't run; null where it can. Where tests must be whole, it is tried all the same. */
export const withoutDecoder: string | null =
  process.env["CI"] === "true" || spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 8))"]).status === 0
    ? null
    : "python3 is not here";

/** @throws Error when it finds anything wrong: a write that was never finished is not. */
export async function decodeMessages(folder: string): Promise<readonly DecodedMessage[]> {
  const lines = (await run(folder)).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as DecodedMessage);
}

/** @throws Error as the other does. */
export async function decodeRecords(folder: string): Promise<DecodedRecords> {
  return JSON.parse(await run("--kept", folder)) as DecodedRecords;
}

async function run(...words: readonly string[]): Promise<string> {
  const { stdout } = await execute("python3", [DECODER, ...words], { encoding: "utf8", maxBuffer: 1024 * 1024 * 1024 });
  return stdout;
}
