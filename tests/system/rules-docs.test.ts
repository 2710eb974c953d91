/** docs/rules.md leads from nothing to a live rule: its commands, typed as written; and its example of the library. */
import { equal, match, ok } from "node:assert/strict";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { readMessages } from "./support/messages.ts";
import { freePort, temporaryFolder } from "./support/program.ts";
import { blocksOf, runScript } from "./support/typed-commands.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const PAGE = readFileSync(join(ROOT, "docs/rules.md"), "utf8");
const WAIT_MS_MAX = 60_000;

/** Text of the page's blocks with this tag. */
const blocks = (tag: string): readonly string[] => blocksOf(PAGE, tag);

test("the commands of docs/rules.md, typed as written, lead from nothing to a live rule", { timeout: WAIT_MS_MAX }, async (context) => {
  const folder = temporaryFolder(context);
  for (const name of ["bin", "node_modules", "src"]) symlinkSync(join(ROOT, name), join(folder, name));
  let script = blocks("sh live").join("\n");
  // Only the ports are this test's.
  for (const port of ["19130", "19131", "19132"]) {
    ok(script.includes(port));
    script = script.replaceAll(port, String(await freePort()));
  }
  const { status, output } = await runScript(context, folder, script);
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
  const { status, output } = await runScript(context, folder, `"${process.execPath}" example.mjs`);
  equal(output, blocks("text library")[0]);
  equal(status, 0);
});
