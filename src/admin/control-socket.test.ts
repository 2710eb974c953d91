import { deepEqual, equal, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { SidestreamError } from "../errors.ts";
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

test("nobody else can reach the socket at any moment, whatever the mask of the process is", async (t) => {
  const data = folder(t);
  const setMask = process.umask.bind(process) as (mask?: number) => number;
  const mask = setMask(0);
  t.after(() => setMask(mask));
  const modes: number[] = [];
  // The mask is put back as soon as the file is there, before anything else can run.
  t.mock.method(process, "umask", (wanted?: number) => {
    if (wanted === 0) modes.push(statSync(controlSocketPath(data)).mode & 0o777);
    return setMask(wanted);
  });
  const listener = await openControlSocket(data, () => Promise.resolve("fine"));
  t.after(() => listener.close());
  deepEqual(modes, [0o700]);
  equal(statSync(controlSocketPath(data)).mode & 0o777, 0o600);
  equal(setMask(0), 0);
});

test("a command that fails tells why", async (t) => {
  const data = folder(t);
  const listener = await openControlSocket(data, () => Promise.reject(new Error("no such command")));
  t.after(() => listener.close());
  await rejects(askControlSocket(data, "x", null), { message: "no such command" });
});

test("a command that the engine can't answer ends with the engine's own code", async (t) => {
  const data = folder(t);
  const listener = await openControlSocket(data, () => Promise.reject(new SidestreamError("SST_ENGINE_LOST", "the engine is down")));
  t.after(() => listener.close());
  await rejects(askControlSocket(data, "status", null), { code: "SST_ENGINE_LOST", message: "the engine is down" });
});

test("an answer that can't be read is told as none", async (t) => {
  const data = folder(t);
  const server = createServer((socket) => socket.end("<html>\n")).listen(controlSocketPath(data));
  t.after(() => server.close());
  await rejects(askControlSocket(data, "status", null), { code: "SST_STATUS_UNREACHABLE" });
});

test("closing does not wait for a client that has not asked yet, nor for one that has no answer yet", async (t) => {
  const data = folder(t);
  const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
  const listener = await openControlSocket(data, () => {
    wasAsked();
    return new Promise(() => undefined);
  });
  const silent = connect(controlSocketPath(data));
  await once(silent, "connect");
  const asking = rejects(askControlSocket(data, "status", null), { code: "SST_STATUS_UNREACHABLE" });
  await asked;
  await Promise.all([listener.close(), once(silent, "close"), asking]);
});

test("a client that ends without a whole line is cut at once", async (t) => {
  const data = folder(t);
  const listener = await openControlSocket(data, () => Promise.resolve("fine"));
  t.after(() => listener.close());
  const socket = connect(controlSocketPath(data));
  socket.end('{"command":').resume();
  await once(socket, "close");
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
