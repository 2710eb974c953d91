import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { answering } from "../../driver/testing/raw-upstream.ts";
import { get, startRig } from "./testing/rig.ts";

const WISH = get("/ws", "Connection: Upgrade", "Upgrade: websocket");
const STREAM = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";

test("closing cuts a WebSocket wish that the upstream says nothing to, after the grace period", async (t) => {
  const rig = await startRig(t, {}, () => {});
  const client = await rig.send(WISH);
  await rig.upstream.connection(0);
  await Promise.all([rig.gateway.close(20), client.ended()]);
});

test("closing cuts an open WebSocket after the grace period, on both sides", async (t) => {
  const rig = await startRig(t, {}, answering("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello"));
  const client = await rig.send(WISH);
  await client.untilText("hello");
  const { socket } = await rig.upstream.connection(0);
  await Promise.all([rig.gateway.close(20), client.ended(), once(socket, "close")]);
});

test("a client that leaves is noticed, though its WebSocket wish was answered with a stream without end", async (t) => {
  for (const leave of ["end", "resetAndDestroy"] as const) {
    const rig = await startRig(t, {}, answering(STREAM));
    const client = await rig.send(WISH);
    await client.untilText("data: 1");
    client.socket[leave]();
    assert.equal((await rig.record(0)).outcome, "client-aborted");
  }
});

test("a client that doesn't read the answer to its WebSocket wish is cut after clientIdleMs", async (t) => {
  const large = `HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n${"x".repeat(32 * 1024 * 1024)}`;
  const rig = await startRig(t, { bodyBytesMax: 0, timeouts: { clientIdleMs: 50 } }, answering(large));
  const client = await rig.client();
  client.socket.pause();
  client.send(WISH);
  assert.equal((await rig.record(0)).outcome, "client-aborted");
});
