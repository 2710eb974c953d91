/** Starts a Python that raises events through the plugin, without an agent: what no real agent can be made to do. */
import { ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { findPython } from "../../../tools/python.ts";

/** The oldest that the plugin says it runs on. */
export const PYTHON_MINOR = 12;
const PLUGIN = resolve(import.meta.dirname, "../../../plugins/acapy");

/** What the plugin's journal is after a command. */
export interface Raised {
  readonly boot: string;
  /** Of the last event that was journaled or given up. */
  readonly sequence: number;
  /** Events that were given up, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

export interface Raising {
  /** Has it raise events; see raise_events.py. */
  tell(command: string): Promise<Raised>;
  /** Ends it cleanly. */
  end(): Promise<void>;
}

/** False, or why tests are skipped. @throws Error on a machine of CI, where nothing may be skipped. */
export async function skipWithoutPython(): Promise<string | false> {
  if ((await findPython(PYTHON_MINOR)) !== null) return false;
  const problem = `no Python 3.${PYTHON_MINOR} or newer here; set SIDESTREAM_PYTHON`;
  if (process.env["CI"] === "true") throw new Error(problem);
  return `SKIPPED: ${problem}`;
}

/** @param more - Keys of the plugin's section. */
export async function startRaising(t: TestContext, journals: string, more: Readonly<Record<string, unknown>> = {}): Promise<Raising> {
  const python = (await findPython(PYTHON_MINOR)) ?? "";
  const script = join(import.meta.dirname, "raise_events.py");
  const child = spawn(python, [script, journals, JSON.stringify(more)], {
    env: { ...process.env, PYTHONPATH: `${PLUGIN}/src:${PLUGIN}/tests`, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended = once(child, "close");
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    tell: async (command) => {
      child.stdin.write(`${command}\n`);
      const { value, done } = await answers.next();
      ok(done !== true, `it answers ${command}: ${errors}`);
      return JSON.parse(value) as Raised;
    },
    end: async () => {
      child.stdin.end("end\n");
      const [status] = (await ended) as [number | null];
      ok(status === 0, `it ends cleanly: ${errors}`);
    },
  };
}
