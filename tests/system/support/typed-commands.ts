/** Runs the commands that a page of the documentation shows, as a reader would type them. */
import { ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** Text of a page's blocks with this tag, in their order. */
export function blocksOf(page: string, tag: string): readonly string[] {
  const found = [...page.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)].filter((block) => block[1] === tag).map((block) => block[2] ?? "");
  ok(found.length > 0, `the page has a block tagged ${tag}`);
  return found;
}

/**
 * Runs a script in a group of processes of its own, all of which end with the test.
 *
 * @param environment - Variables that are other than this process's own.
 * @returns What it and all it started wrote, in the order of writing.
 */
export async function runScript(
  context: TestContext,
  folder: string,
  script: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawn("bash", ["-e", "-c", `exec 2>&1\n${script}`], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
    // Many programs start one after another: the first leaves the others what it compiled.
    env: { ...process.env, NO_COLOR: "1", NODE_COMPILE_CACHE: join(folder, "compiled"), ...environment },
  });
  const end = (): void => {
    try {
      process.kill(-(child.pid ?? 0), "SIGKILL");
    } catch {
      // All of them have ended.
    }
  };
  context.after(end);
  context.signal.addEventListener("abort", end);
  process.once("exit", end);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const closed = once(child, "close");
  const [status] = (await once(child, "exit")) as [number | null];
  // A script that failed leaves running what it started, which would hold its output open.
  end();
  await closed;
  process.off("exit", end);
  return { status, output };
}
