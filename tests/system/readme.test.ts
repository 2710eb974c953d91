/** The README's own commands, as written; only ports and the place of the program are this test's. */
import { equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { readMessages } from "./support/messages.ts";
import { freePort, temporaryFolder } from "./support/program.ts";
import { post } from "./support/site.ts";
import { startUpstream } from "./support/upstream.ts";

const ROOT = resolve(import.meta.dirname, "../..");

test("the README's first command captures every change into files", { timeout: 60_000 }, async (t) => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const block = /^```sh\n(bin\/sidestream run [^]*?)\n```/m.exec(readme)?.[1];
  ok(block !== undefined, "the README has the command");
  const folder = temporaryFolder(t);
  const upstream = await startUpstream(t, '{"id":"7"}');
  const port = await freePort();
  const line = `exec ${ROOT}/${block.replaceAll("9130", String(port)).replaceAll("9131", String(upstream.port))} --health off`;
  const child = spawn("sh", ["-c", line], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  for (let tries = 0; !(await isOpen(port)); tries++) {
    ok(tries < 100 && child.exitCode === null, errors);
    await pause(100);
  }
  equal((await post(`http://127.0.0.1:${port}/things`, { name: "new" }))?.status, 201);
  equal((await fetch(`http://127.0.0.1:${port}/things`)).status, 201);
  child.kill("SIGTERM");
  equal(await new Promise((done) => child.once("exit", done)), 0, errors);
  equal(readMessages(join(folder, "events")).length, 1);
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => done(socket.destroy() !== undefined));
    socket.once("error", () => done(false));
  });
}
