import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { waitUntil } from "../kafka/wait-until.ts";
import { API, type KafkaRequest } from "./kafka-requests.ts";
import { QUEUED_BYTES_MAX } from "./pipe.ts";
import { FaultProxy } from "./proxy.ts";
import { answerFrame, requestFrame } from "./testing/frames.ts";

const SOON_MS = 20_000;
/** What one read may bring beyond the bound. */
const READ_BYTES = 64 * 1024;

/** A socket with all that it received, and how it ended. */
interface Peer {
  readonly socket: Socket;
  readonly bytes: () => Buffer;
  readonly ended: () => "end" | "reset" | null;
}

function watched(socket: Socket): Peer {
  const chunks: Buffer[] = [];
  let ended: "end" | "reset" | null = null;
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("end", () => (ended = "end"));
  socket.on("error", () => (ended = "reset"));
  return { socket, bytes: () => Buffer.concat(chunks), ended: () => ended };
}

const soon = async (condition: () => boolean, what: string): Promise<void> => await waitUntil(condition, SOON_MS, what);
const received = async (peer: Peer, text: string): Promise<void> => await soon(() => peer.bytes().toString() === text, `"${text}"`);

/** A server, the proxy before it, and connections through both. */
async function stage(t: TestContext, observe?: (request: KafkaRequest) => void) {
  const accepted: Peer[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(watched(socket)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const upstream = server.address() as { address: string; port: number };
  const proxy = await FaultProxy.open({
    upstream: { host: upstream.address, port: upstream.port },
    port: 0,
    ...(observe === undefined ? {} : { observe }),
  });
  const sockets: Socket[] = [];
  const dial = async (): Promise<Peer> => {
    const socket = connect({ host: "127.0.0.1", port: Number(proxy.address.split(":")[1]), allowHalfOpen: true });
    sockets.push(socket);
    await once(socket, "connect");
    return watched(socket);
  };
  t.after(async () => {
    for (const socket of [...sockets, ...accepted.map((peer) => peer.socket)]) socket.destroy();
    await proxy[Symbol.asyncDispose]();
    server.close();
  });
  /** A client and what the server has of it. */
  const pair = async (): Promise<{ client: Peer; served: Peer }> => {
    const before = accepted.length;
    const client = await dial();
    await soon(() => accepted.length > before, "the server's side of a connection");
    return { client, served: accepted[before] as Peer };
  };
  return { proxy, dial, pair };
}

test("bytes pass both ways, and the end of one way leaves the other open", async (t) => {
  const { pair } = await stage(t);
  const { client, served } = await pair();
  client.socket.write("to the server");
  await received(served, "to the server");
  client.socket.end();
  await soon(() => served.ended() === "end", "the end at the server");
  served.socket.end("still to the client");
  await received(client, "still to the client");
  await soon(() => client.ended() === "end", "the end at the client");
});

for (const how of ["reset", "end"] as const) {
  test(`a cut by ${how} ends both sides so, and new connections reach through`, async (t) => {
    const { proxy, pair } = await stage(t);
    const { client, served } = await pair();
    proxy.cut("both", how);
    await soon(() => client.ended() === how && served.ended() === how, "both ends");
    const again = await pair();
    again.client.socket.write("again");
    await received(again.served, "again");
    await soon(() => proxy.connectionCount === 1, "the first connection to be forgotten");
  });
}

for (const [direction, told, untold] of [
  ["to-client", "client", "served"],
  ["to-server", "served", "client"],
] as const) {
  test(`a cut that only one side is told of (${direction}) leaves the other half-open until that is healed`, async (t) => {
    const { proxy, pair } = await stage(t);
    const sides = await pair();
    proxy.cut(direction, "reset");
    await soon(() => sides[told].ended() === "reset", `the reset of the ${told}`);
    sides[untold].socket.write("into nothing");
    const other = await pair();
    other.client.socket.write("another connection works");
    await received(other.served, "another connection works");
    equal(sides[untold].ended(), null);
    deepEqual(sides[told].bytes().length, 0);
    await proxy.heal();
    await soon(() => sides[untold].ended() === "reset", `the reset of the ${untold}`);
    equal(other.client.ended(), null);
  });
}

test("what is held goes on in order once that is healed, the end of the connection behind it", async (t) => {
  const { proxy, pair } = await stage(t);
  const { client, served } = await pair();
  proxy.hold("to-server");
  client.socket.write("late ");
  client.socket.end("and whole");
  served.socket.write("the other way is open");
  await received(client, "the other way is open");
  await soon(() => proxy.queuedBytes === "late and whole".length, "both pieces to be held");
  deepEqual([served.bytes().length, served.ended()], [0, null]);
  await proxy.heal();
  await received(served, "late and whole");
  await soon(() => served.ended() === "end", "the end at the server");
});

test("what a client sent before it was killed arrives behind what came later on a new connection", async (t) => {
  const { proxy, pair } = await stage(t);
  const { client, served } = await pair();
  proxy.holdPresent("to-server");
  client.socket.write("from the dead");
  await soon(() => proxy.queuedBytes > 0, "it to be held");
  client.socket.resetAndDestroy();
  const other = await pair();
  other.client.socket.write("from the next");
  await received(other.served, "from the next");
  equal(served.bytes().length, 0);
  await proxy.heal();
  await received(served, "from the dead");
  await soon(() => served.ended() === "reset", "the reset at the server");
});

test("a connection that is cut while its end is on the way is closed all the same", async (t) => {
  const { proxy, pair } = await stage(t);
  const { client, served } = await pair();
  proxy.cut("to-client", "end");
  await proxy.heal();
  await soon(() => served.ended() === "reset" && client.ended() !== null, "both ends");
  // Where it were open yet, nobody would refuse what comes.
  const isRefused = (): boolean => {
    if (!client.socket.destroyed) client.socket.write("still there?");
    return client.ended() === "reset";
  };
  await soon(isRefused, "the refusal");
});

test("what is swallowed never comes, and the connection is reset once that is healed", async (t) => {
  const { proxy, pair } = await stage(t);
  const { client, served } = await pair();
  const quiet = await pair();
  proxy.swallow("to-client");
  served.socket.write("gone");
  client.socket.write("asked");
  await received(served, "asked");
  equal(client.ended(), null);
  await proxy.heal();
  await soon(() => client.ended() === "reset" && served.ended() === "reset", "both resets");
  equal(client.bytes().length, 0);
  quiet.served.socket.write("a connection that lost nothing goes on");
  await received(quiet.client, "a connection that lost nothing goes on");
});

test("refused connections are refused, those that are there go on, and healing takes new ones on the same port", async (t) => {
  const { proxy, pair, dial } = await stage(t);
  const { client, served } = await pair();
  const { address } = proxy;
  proxy.refuse();
  await rejects(dial(), { code: "ECONNREFUSED" });
  client.socket.write("goes on");
  await received(served, "goes on");
  await proxy.heal();
  equal(proxy.address, address);
  const again = await pair();
  again.client.socket.write("new");
  await received(again.served, "new");
});

test("a server that isn't there shows as a reset", async (t) => {
  const { proxy, pair } = await stage(t);
  await pair();
  const lonely = await FaultProxy.open({ upstream: { host: "127.0.0.1", port: 1 }, port: 0 });
  t.after(async () => await lonely[Symbol.asyncDispose]());
  ok(proxy.address !== lonely.address);
  const peer = watched(connect({ host: "127.0.0.1", port: Number(lonely.address.split(":")[1]) }));
  await soon(() => peer.ended() === "reset", "the reset");
});

test("a held way keeps a bounded number of bytes and holds its sender up; all come, unchanged", async (t) => {
  const { proxy, pair } = await stage(t);
  const { client, served } = await pair();
  const content = randomBytes(32 * 1024 * 1024);
  proxy.hold("to-server");
  client.socket.end(content);
  await soon(() => proxy.queuedBytes >= QUEUED_BYTES_MAX, "the bound");
  ok(proxy.queuedBytes <= QUEUED_BYTES_MAX + READ_BYTES, `${proxy.queuedBytes} bytes are kept`);
  ok(client.socket.writableLength > 0, "the sender waits");
  await proxy.heal();
  await soon(() => served.ended() === "end", "the end at the server");
  const hash = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  equal(hash(served.bytes()), hash(content));
});

test("what is delayed or slow comes whole and in order, no earlier than it may", async (t) => {
  const { proxy, pair } = await stage(t);
  const { client, served } = await pair();
  const beganMs = performance.now();
  proxy.delay("to-server", 100);
  client.socket.write("first ");
  await soon(() => proxy.queuedBytes > 0 || served.bytes().length > 0, "the first piece");
  proxy.delay("to-server", 0);
  client.socket.write("second");
  await received(served, "first second");
  ok(performance.now() - beganMs >= 100);
  const slowMs = performance.now();
  proxy.slow("to-client", 2000);
  served.socket.write("x".repeat(400));
  await received(client, "x".repeat(400));
  // The first portion goes at once.
  ok(performance.now() - slowMs >= 100);
});

test("a fault that is set when a request is told holds for that request and for its answer", async (t) => {
  const told: string[] = [];
  let atState: KafkaRequest["state"] | null = null;
  const { proxy, pair } = await stage(t, ({ state, apiKey, correlationId }) => {
    told.push(`${state} ${apiKey} ${correlationId}`);
    if (state === atState) proxy.hold(state === "arrived" ? "to-server" : "to-client");
  });
  const { client, served } = await pair();
  const request = requestFrame(API.produce, 1, 100);
  const answer = answerFrame(1, 20);

  atState = "arrived";
  client.socket.write(request);
  await soon(() => proxy.queuedBytes === request.length, "the request to be held");
  deepEqual([served.bytes().length, told], [0, ["arrived 0 1"]]);
  atState = "forwarded";
  await proxy.heal();
  await soon(() => served.bytes().equals(request), "the request");
  served.socket.write(answer);
  await soon(() => proxy.queuedBytes === answer.length, "the answer to be held");
  equal(client.bytes().length, 0);
  atState = null;
  await proxy.heal();
  await soon(() => client.bytes().equals(answer), "the answer");
  deepEqual(told, ["arrived 0 1", "forwarded 0 1", "answering 0 1", "answered 0 1"]);
});
