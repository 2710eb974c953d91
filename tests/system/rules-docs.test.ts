/** docs/rules.md leads from nothing to a live rule: its commands, typed as written; and its example of the library. */
import { equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { readMessages } from "./support/messages.ts";
import { freePort, temporaryFolder } from "./support/program.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const PAGE = readFileSync(join(ROOT, "docs/rules.md"), "utf8");
const WAIT_MS_MAX = 60_000;

/** Text of the blocks with this tag, in their order. */
function blocks(tag: string): readonly string[] {
  const found = [...PAGE.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)].filter((block) => block[1] === tag).map((block) => block[2] ?? "");
  ok(found.length > 0, `docs/rules.md has a block tagged ${tag}`);
  return found;
}

/** Runs a script in a group of processes of its own, all of which end with the test. */
async function run(context: TestContext, folder: string, script: string): Promise<{ status: number | null; output: string }> {
  const child = spawn("bash", ["-e", "-c", `exec 2>&1\n${script}`], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
    // Eight programs start one after another: the first leaves the others what it compiled.
    env: { ...process.env, NO_COLOR: "1", NODE_COMPILE_CACHE: join(folder, "compiled") },
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

test("the commands of docs/rules.md, typed as written, lead from nothing to a live rule", { timeout: WAIT_MS_MAX }, async (context) => {
  const folder = temporaryFolder(context);
  for (const name of ["bin", "node_modules", "src"]) symlinkSync(join(ROOT, name), join(folder, name));
  let script = blocks("sh live").join("\n");
  // Only the ports are this test's.
  for (const port of ["19130", "19131", "19132"]) {
    ok(script.includes(port));
    script = script.replaceAll(port, String(await freePort()));
  }
  const { status, output } = await run(context, folder, script);
  equal(status, 0, output);
  let at = 0;
  for (const told of blocks("text live")) {
    at = output.indexOf(told, at);
    ok(at >= 0, `this is not what the commands say:\n${told}\nbut:\n${output}`);
    at += told.length;
  }
  const messages = readMessages(join(folder, "try/messages"));
  equal(messages.length, 1, output);
  equal(messages[0]?.subject, "/users");
  ok(output.slice(at).startsWith('{"id":"u1"}'), "the client has its answer");
  match(output.slice(at), /\nout +0 {2}drained\n/);
  match(output.slice(at), /^transaction POST \/users: event \S+ of the tenant diku, from front$/m);
  match(output.slice(at), /^ {2}rule 1 \(publish out:\{tenant\}\.users\) holds: out:diku\.users$/m);
});

test("the example of the library in docs/rules.md prints what it says", async (context) => {
  const folder = temporaryFolder(context);
  const [example = ""] = blocks("js library");
  ok(example.includes('from "sidestream/rules"'));
  writeFileSync(
    join(folder, "example.mjs"),
    example.replace('from "sidestream/rules"', `from ${JSON.stringify(pathToFileURL(join(ROOT, "src/rules.ts")).href)}`),
  );
  const { status, output } = await run(context, folder, `"${process.execPath}" example.mjs`);
  equal(output, blocks("text library")[0]);
  equal(status, 0);
});
