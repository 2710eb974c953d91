import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { FakePort } from "../../driver/testing/fake-port.ts";
import { answering, RawUpstream } from "../../driver/testing/raw-upstream.ts";
import { isSidestreamError } from "../../errors.ts";
import { gateway } from "./gateway.ts";
import { gatewayOptions, routeNames } from "./options.ts";
import { get, ok, startRig } from "./testing/rig.ts";
import { Upstream, UpstreamTimeout } from "./upstream.ts";

test("an upstream that can't be reached gives 502 with code and hint, recorded so, and the connection goes on", async (t) => {
  const rig = await startRig(t, { upstream: "http://127.0.0.1:1" }, () => {});
  const client = await rig.send(get("/"));
  const text = await client.untilText("}\n");
  assert.match(
    text,
    /^HTTP\/1\.1 502 Bad Gateway\r\nContent-Type: application\/json\r\nContent-Length: \d+\r\n\r\n\{"code":"SST_UPSTREAM_UNREACHABLE"/,
  );
  assert.doesNotMatch(text, /\bat \//);
  const record = await rig.record(0);
  assert.equal(record.outcome, "upstream-unreachable");
  assert.match(record.responseHead, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
  client.send(get("/again"));
  await client.until((now) => now.split("HTTP/1.1 502").length === 3);
});

test("an upstream that is silent for too long gives 504", async (t) => {
  const rig = await startRig(t, { timeouts: { upstreamIdleMs: 20 } }, () => {});
  assert.match(await (await rig.send(get("/"))).untilText("}\n"), /^HTTP\/1\.1 504 Gateway Timeout\r\n[^]*SST_UPSTREAM_TIMEOUT/);
  assert.equal((await rig.record(0)).outcome, "upstream-aborted");
});

test("an upstream that falls silent in mid-response is cut, and so is the client", async (t) => {
  const rig = await startRig(
    t,
    { timeouts: { upstreamIdleMs: 20 } },
    ({ socket }) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
  );
  assert.match(await (await rig.send(get("/"))).ended(), /half$/);
  assert.equal((await rig.record(0)).outcome, "upstream-aborted");
});

test("an event stream may be silent for longer than other answers", async (t) => {
  const rig = await startRig(t, { timeouts: { upstreamIdleMs: 20 } }, ({ socket }, chunk) => {
    if (chunk.includes("/events")) socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
  });
  const client = await rig.send(get("/events"));
  await client.untilText("\r\n\r\n");
  // A plain request that began later has met its 504: the time has passed for the stream as well.
  await (await rig.send(get("/silent"))).untilText("504");
  (await rig.upstream.connection(0)).socket.write("data: still here\n\n");
  await client.untilText("still here");
});

test("a client that stops in mid-upload is cut after clientIdleMs", async (t) => {
  const rig = await startRig(t, { timeouts: { clientIdleMs: 20 } }, () => {});
  const client = await rig.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
  await client.ended();
  assert.equal((await rig.record(0)).outcome, "client-aborted");
});

test("a client that stops in mid-upload is cut, though its idle time ran out once while it was not the one waited for", async (t) => {
  const rig = await startRig(t, { capture: "durable", timeouts: { clientIdleMs: 20 } }, () => {});
  const gate = Promise.withResolvers<void>();
  rig.port.reserveGate = gate.promise;
  const client = await rig.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
  setTimeout(gate.resolve, 60);
  await client.ended();
  assert.equal((await rig.record(0)).outcome, "client-aborted");
  assert.equal(rig.port.openReservations, 0);
});

test("an upstream is given up, though its idle time ran out once while it was not the one waited for", async (t) => {
  const silent = await RawUpstream.listen(() => {});
  const upstream = new Upstream(silent.origin, { connectMs: 5_000, upstreamIdleMs: 20, poolMs: 1_000 }, 4096);
  t.after(() => {
    upstream.close();
    silent.close();
  });
  let asked = 0;
  const mayIdle = () => (asked += 1) === 1;
  const request = upstream.open({ method: "GET", target: "/", headers: ["Host", "h"], fresh: false, mayIdle });
  request.end();
  const [error] = await once(request, "error");
  assert.ok(error instanceof UpstreamTimeout);
  assert.equal(asked, 2);
});

test("a client that waits for a slow upstream is not cut", async (t) => {
  const rig = await startRig(t, { timeouts: { clientIdleMs: 10 } }, ({ socket }, chunk) => {
    if (chunk.includes("/slow")) setTimeout(() => socket.write(ok("slow")), 60);
  });
  await (await rig.send(get("/slow"))).untilText("slow");
});

test("an answer that is not HTTP gives 502, and nothing of it reaches the client", async (t) => {
  const broken = [
    "SSH-2.0-x\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
  ];
  const left = [...broken];
  const rig = await startRig(t, {}, ({ socket }) => void socket.write(left.shift() ?? ""));
  for (const number of broken.keys()) {
    assert.match(await (await rig.send(get("/"))).untilText("}\n"), /^HTTP\/1\.1 502 [^]*SST_UPSTREAM_BROKEN/);
    assert.equal((await rig.record(number)).outcome, "upstream-aborted");
  }
});

test("a head of the upstream beyond the limit gives 502", async (t) => {
  const rig = await startRig(t, { headBytesMax: 1024 }, answering(ok("x", `X: ${"a".repeat(3000)}`)));
  assert.match(await (await rig.send(get("/"))).untilText("}\n"), /^HTTP\/1\.1 502 /);
});

test("an upstream that closes before it answers gives 502 on a new connection", async (t) => {
  const rig = await startRig(t, {}, ({ socket }) => void socket.end());
  assert.match(await (await rig.send(get("/"))).untilText("}\n"), /^HTTP\/1\.1 502 [^]*SST_UPSTREAM_BROKEN/);
  assert.equal(rig.upstream.connections.length, 1);
});

test("a pooled connection that the upstream closed is replaced once for GET, not for POST", async (t) => {
  const rig = await startRig(t, {}, ({ socket, text }) => {
    if (text.split(" HTTP/1.1").length === 2) socket.write(ok("first"));
    else socket.destroy();
  });
  await (await rig.send(get("/"))).untilText("first");
  await (await rig.send(get("/"))).untilText("first");
  assert.equal(rig.gateway.counters()["sidestream_gateway_retried_total"], 1);
  const before = rig.upstream.connections.length;
  await (await rig.send(get("/"))).untilText("first");
  assert.ok(rig.upstream.connections.length > before);
  const post = "POST / HTTP/1.1\r\nHost: h\r\n\r\n";
  const warm = await rig.send(post);
  await warm.until((text) => /first|502/.test(text));
  const posts = (): number => rig.upstream.text.split("POST /").length - 1;
  const sent = posts();
  const again = await rig.send(post);
  await again.until((text) => /first|502/.test(text));
  assert.equal(posts(), sent + 1);
});

test("bytes that an upstream sends unasked are never taken for the next answer", async (t) => {
  const rig = await startRig(t, {}, ({ socket }) => void socket.write(ok("mine") + ok("poison")));
  const client = await rig.client();
  for (let i = 1; i <= 3; i += 1) {
    client.send(get("/"));
    await client.until((text) => text.split("mine").length === i + 1 || text.includes("502"));
  }
  assert.doesNotMatch(client.text, /poison/);
});

test("a WebSocket is tunnelled both ways, also bytes sent ahead, and counted as a stream", async (t) => {
  const rig = await startRig(t, { capture: "durable" }, (connection, chunk) => {
    if (chunk.startsWith("GET"))
      connection.socket.write("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX-b: 1\r\n\r\nhello");
    else connection.socket.write(`echo:${chunk}`, "latin1");
  });
  const request = get("/ws", "connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key: x");
  const client = await rig.send(request);
  assert.equal(
    await client.untilText("hello"),
    "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX-b: 1\r\n\r\nhello",
  );
  assert.equal(rig.upstream.text, request.replace("keep-alive, Upgrade", "Upgrade"));
  client.send("\0\xff raw");
  await client.untilText("echo:\0\xff raw");
  assert.deepEqual(rig.port.losses, [{ route: 0, reason: "stream" }]);
  assert.equal(rig.port.kept.length + rig.port.reserved.length, 0);
  assert.equal(rig.gateway.counters()["sidestream_gateway_tunnels"], 1);
  const { socket } = await rig.upstream.connection(0);
  client.socket.destroy();
  if (!socket.closed) await once(socket, "close");
});

test("a WebSocket that the upstream refuses is an exchange like any other", async (t) => {
  const rig = await startRig(t, {}, answering("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"));
  const client = await rig.send(get("/ws", "Connection: Upgrade", "Upgrade: websocket"));
  assert.match(await client.ended(), /^HTTP\/1\.1 403 No\r\n[^]*no$/);
  assert.equal((await rig.record(0)).outcome, "complete");
});

test("a WebSocket that the upstream says nothing to gives 504", async (t) => {
  const rig = await startRig(t, { timeouts: { upstreamIdleMs: 20 } }, () => {});
  const client = await rig.send(get("/ws", "Connection: Upgrade", "Upgrade: websocket"));
  assert.match(await client.ended(), /^HTTP\/1\.1 504 /);
});

test("an upgrade to anything else is not passed on, and a 101 that nobody asked for gives 502", async (t) => {
  const rig = await startRig(t, {}, ({ socket }, chunk) => {
    assert.doesNotMatch(chunk, /upgrade|http2-settings: x, x/i);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  });
  const text = await (await rig.send(get("/", "Connection: Upgrade", "Upgrade: h2c"))).untilText("}\n");
  assert.match(text, /^HTTP\/1\.1 502 /);
  assert.equal((await rig.record(0)).outcome, "upstream-aborted");
});

test("closing lets a running exchange end, says so to its client, and takes no new one", async (t) => {
  const rig = await startRig(t, {}, () => {});
  const client = await rig.send(get("/"));
  const { socket } = await rig.upstream.connection(0);
  const closed = rig.gateway.close(60_000);
  socket.write(ok("last"));
  assert.match(await client.ended(), /Connection: close\r\n\r\nlast$/);
  await closed;
  await rig.gateway.close(0);
});

test("closing cuts what is left after the grace period", async (t) => {
  const rig = await startRig(t, {}, () => {});
  const client = await rig.send(get("/"));
  await rig.upstream.connection(0);
  await rig.gateway.close(1);
  await client.ended();
  assert.equal((await rig.record(0)).outcome, "client-aborted");
});

test("an address that is taken is SST_LISTEN_FAILED", async (t) => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const options = gatewayOptions.parse({ listen: `127.0.0.1:${(other.address() as AddressInfo).port}`, upstream: "http://127.0.0.1:1" });
  const context = { name: "front", port: new FakePort(), notice: () => undefined, dataFolder: "", signal: new AbortController().signal };
  await assert.rejects(gateway.open(options, context), { code: "SST_LISTEN_FAILED" });
});

test("write-ahead is told as not available", async () => {
  const options = gatewayOptions.parse({ listen: ":0", upstream: "http://u", routes: [{ path: "*", capture: "write-ahead" }] });
  const context = { name: "front", port: new FakePort(), notice: () => undefined, dataFolder: "", signal: new AbortController().signal };
  await assert.rejects(gateway.open(options, context), (error) => isSidestreamError(error) && error.code === "SST_NOT_AVAILABLE");
});

test("options: a typo, a path in the upstream, an address without port and an empty method list are errors", () => {
  const good = { listen: ":9130", upstream: "http://okapi:9131" };
  assert.equal(gatewayOptions.safeParse(good).success, true);
  for (const bad of [
    { upstreem: 1 },
    { upstream: "http://okapi/x" },
    { upstream: "ftp://okapi" },
    { listen: "9130" },
    { routes: [{ path: "loans" }] },
    { routes: [{ path: "*", methods: [] }] },
    { capture: "sure" },
    { forwarding: "nginx" },
  ]) {
    assert.equal(gatewayOptions.safeParse({ ...good, ...bad }).success, false, JSON.stringify(bad));
  }
});

test("routes are named for counters, the default first", () => {
  const options = gatewayOptions.parse({
    listen: ":1",
    upstream: "http://u",
    routes: [{ path: "/a/*" }, { path: "/b", methods: ["PUT", "POST"] }],
  });
  assert.deepEqual(routeNames(options), ["default", "/a/*", "PUT,POST /b"]);
});
