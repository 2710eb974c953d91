/** Runs a writer process: until it has said so many lines, and kills it there, or until it ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { WriterOptions } from "./writer-settings.ts";

export interface WriterRun {
  readonly folder: string;
  readonly round: string;
  readonly seed: number;
  readonly options?: WriterOptions;
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with each line as it is read; true: it is killed there. */
  readonly onLine?: (line: string, count: number) => boolean;
}

export interface WriterEnd {
  /** Whole lines alone. */
  readonly lines: readonly string[];
  readonly status: number | null;
  readonly signal: string | null;
  readonly errors: string;
}

export async function runWriter(
  t: TestContext,
  { folder, round, seed, options = {}, environment = {}, onLine }: WriterRun,
): Promise<WriterEnd> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "writer-process.ts"), folder, round, String(seed), JSON.stringify(options)],
    {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  t.after(() => child.kill("SIGKILL"));
  const ended = once(child, "close");
  const lines: string[] = [];
  let rest = "";
  let errors = "";
  child.stderr.on("data", (part: Buffer) => (errors += part.toString()));
  child.stdout.setEncoding("latin1");
  child.stdout.on("data", (part: string) => {
    const parts = (rest + part).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      lines.push(line);
      if (onLine?.(line, lines.length) === true) child.kill("SIGKILL");
    }
  });
  const [status, signal] = (await ended) as [number | null, string | null];
  return { lines, status, signal, errors };
}
