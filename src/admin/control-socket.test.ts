import { deepEqual, equal, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { askControlSocket, controlSocketPath, openControlSocket } from "./control-socket.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sidestream-control-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a command is answered, and only this user can reach the socket", async (t) => {
  const data = folder(t);
  const listener = await openControlSocket(data, async (command, payload) => {
    // An answer that takes a few turns of the loop, as every real one does.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    return { command, payload };
  });
  t.after(() => listener.close());
  deepEqual(await askControlSocket(data, "status", { deep: true }), { command: "status", payload: { deep: true } });
  equal(statSync(controlSocketPath(data)).mode & 0o777, 0o600);
});

test("a command that fails tells why", async (t) => {
  const data = folder(t);
  const listener = await openControlSocket(data, () => Promise.reject(new Error("no such command")));
  t.after(() => listener.close());
  await rejects(askControlSocket(data, "x", null), { message: "no such command" });
});

test("without a running program the answer says so", async (t) => {
  await rejects(askControlSocket(folder(t), "status", null), { code: "SST_STATUS_UNREACHABLE" });
});

test("a request without an end, too long or not JSON doesn't harm the next one", async (t) => {
  const data = folder(t);
  const listener = await openControlSocket(data, () => Promise.resolve("fine"));
  t.after(() => listener.close());
  for (const bytes of [Buffer.alloc(70 * 1024, "x"), Buffer.from("not json\n"), Buffer.from('{"command":1}\n')]) {
    await new Promise<void>((done) => {
      const socket = connect(controlSocketPath(data));
      socket.on("error", () => undefined);
      socket.on("close", () => done());
      socket.resume();
      socket.end(bytes);
    });
  }
  equal(await askControlSocket(data, "status", null), "fine");
});

test("a socket left behind by a dead program is replaced", async (t) => {
  const data = folder(t);
  const script = `require("node:net").createServer().listen(${JSON.stringify(join(data, "control.sock"))}, () => process.kill(process.pid, "SIGKILL"))`;
  equal(spawnSync(process.execPath, ["-e", script]).signal, "SIGKILL");
  equal(existsSync(join(data, "control.sock")), true);
  const listener = await openControlSocket(data, () => Promise.resolve("new"));
  t.after(() => listener.close());
  equal(await askControlSocket(data, "status", null), "new");
});
