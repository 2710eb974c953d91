/** `sidestream demo` as a newcomer uses it: look, send the request it prints, end it. */
import { equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { command, launch, type Program } from "./support/program.ts";

/** Settles once the output matches. */
async function shown(program: Program, pattern: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const found = pattern.exec(program.output());
    if (found !== null) return found;
    await new Promise((done) => program.process.stdout?.once("data", done));
  }
}

test("the demo shows messages, the request it prints makes one, and Ctrl-C leaves nothing behind", { timeout: 60_000 }, async (t) => {
  const program = launch(t, ["demo"]);
  const curl = (await shown(program, /^ {2}(curl -i [^]*?')\n\n/m))[1] ?? "";
  const tail = (await shown(program, /^ {2}(tail -n 1 .*)$/m))[1] ?? "";
  const folder = /(\/\S+sidestream-demo-\w+)\//.exec(tail)?.[1] ?? "";
  ok(existsSync(folder));
  const answer = spawnSync("sh", ["-c", curl], { encoding: "utf8" });
  match(answer.stdout, /^HTTP\/1\.1 201 /);
  await shown(program, /POST \/users 201/);
  const message = spawnSync("sh", ["-c", tail], { encoding: "utf8" }).stdout;
  match(message, /"username":"ada"/);
  ok(!message.includes('"password":"secret"'), "the password is not in the message");
  program.process.kill("SIGINT");
  equal((await program.ended).status, 0, program.errors());
  match(program.output(), /messages written\. The demo's folder is removed\./);
  equal(existsSync(folder), false);
  equal(program.errors(), "");
});

test("the demo ends by itself after DEMO_SECONDS", () => {
  const { status, stdout, stderr } = command(["demo"], { env: { DEMO_SECONDS: "8" } });
  equal(status, 0, stderr);
  match(stdout, /users-audit/);
  equal(command(["demo"], { env: { DEMO_SECONDS: "soon" } }).status, 2);
});
