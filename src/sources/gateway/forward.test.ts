import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import { bodyBytes } from "../../driver/testing/fake-port.ts";
import { answering } from "../../driver/testing/raw-upstream.ts";
import { get, ok, startRig } from "./testing/rig.ts";

test("a request and its response pass with order, case, duplicates and bytes of their fields unchanged", async (t) => {
  const answer = ok("hello", "X-b: 1", "Set-Cookie: a=1", "x-A: caf\xc3\xa9 \xff", "Set-Cookie: b=2", "X-Empty:");
  const rig = await startRig(t, {}, answering(answer));
  const request = get("/a//b/%2F?q=%20&q", "x-Dup: 1", "ACCEPT: */*", "X-dup: 2", "X-Bytes: \xe9\xff", "Accept: text/*");
  const client = await rig.send(request);
  assert.equal(await client.untilText("hello"), answer.replace("X-Empty:", "X-Empty: "));
  assert.equal(rig.upstream.text, request);
});

test("a transaction is handed in with the heads and bodies that went by", async (t) => {
  const rig = await startRig(t, { routes: [{ path: "/x/*", methods: ["POST"] }] }, ({ socket }, chunk) => {
    if (chunk.endsWith("ping")) socket.write(ok("pong", "X-Up: 1"));
  });
  const client = await rig.send("POST /x/y?z=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nping");
  await client.untilText("pong");
  const record = await rig.record(0);
  assert.equal(record.route, 1);
  assert.equal(record.outcome, "complete");
  assert.equal(record.requestHead, "POST /x/y?z=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4");
  assert.equal(bodyBytes(record.requestBody).toString(), "ping");
  assert.equal(record.responseHead, "HTTP/1.1 200 OK\r\nX-Up: 1\r\nContent-Length: 4");
  assert.deepEqual(
    [bodyBytes(record.responseBody).toString(), record.responseBody.sizeBytes, record.responseBody.truncated],
    ["pong", 4, false],
  );
  assert.equal(record.remoteAddress, "127.0.0.1");
  assert.ok(record.durationMs >= 0 && record.startedMs <= Date.now());
  assert.equal(rig.port.heldBytes, 0);
  assert.equal(rig.port.reserved.length, 0);
});

test("fields between neighbours end at the gateway, also those that Connection names, in both directions", async (t) => {
  const answer =
    "HTTP/1.1 200 OK\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\nX-End: 1\r\n\r\n";
  const rig = await startRig(t, {}, answering(answer));
  const client = await rig.send(
    get(
      "/",
      "Connection: keep-alive, X-Private",
      "X-Private: 1",
      "Keep-Alive: 5",
      "Proxy-Connection: x",
      "TE: trailers",
      "Upgrade: h2c",
      "X-End: 1",
    ),
  );
  assert.equal(await client.untilText("X-End: 1\r\n\r\n"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-End: 1\r\n\r\n");
  assert.equal(rig.upstream.text, "GET / HTTP/1.1\r\nHost: example.org\r\nX-End: 1\r\n\r\n");
  assert.doesNotMatch((await rig.record(0)).requestHead, /X-Private|h2c/);
});

test("Host and the fields that frame a body stay, though Connection names them", async (t) => {
  const rig = await startRig(t, {}, ({ socket }, chunk) => {
    if (chunk.endsWith("ab")) socket.write(ok("fine"));
  });
  const client = await rig.send("POST / HTTP/1.1\r\nHost: h\r\nConnection: host, content-length\r\nContent-Length: 2\r\n\r\nab");
  await client.untilText("fine");
  assert.equal(rig.upstream.text, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
});

test("the reason phrase passes, also an empty and an odd one", async (t) => {
  const reasons = ["", " Fine\xe9 by me"];
  const rig = await startRig(
    t,
    {},
    ({ socket }) => void socket.write(Buffer.from(`HTTP/1.1 299${reasons.shift() || " "}\r\nContent-Length: 0\r\n\r\n`, "latin1")),
  );
  const first = await (await rig.send(get("/"))).untilText("\r\n\r\n");
  assert.match(first, /^HTTP\/1\.1 299 \r\n/);
  const second = await (await rig.send(get("/"))).untilText("\r\n\r\n");
  assert.match(second, /^HTTP\/1\.1 299 Fine\xe9 by me\r\n/);
});

test("Content-Disposition passes byte for byte after a Content-Length", async (t) => {
  const field = 'Content-Disposition: attachment; filename="b\xc3\xbccher \xe9.csv"';
  const rig = await startRig(t, {}, answering(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${field}\r\n\r\nok`));
  assert.ok((await (await rig.send(get("/"))).untilText("\r\n\r\nok")).includes(field));
});

test("a POST without a body goes out without an invented length, and its connection is used again", async (t) => {
  const rig = await startRig(t, {}, answering(ok("yes")));
  const request = "POST /go HTTP/1.1\r\nHost: h\r\n\r\n";
  await (await rig.send(request)).untilText("yes");
  await (await rig.send(request)).untilText("yes");
  assert.equal(rig.upstream.text, request + request);
  assert.equal(rig.upstream.connections.length, 1);
});

test("a chunked upload with trailers stays chunked with its trailers", async (t) => {
  const rig = await startRig(t, {}, (connection) => {
    if (connection.text.endsWith("X-Sum: 9\r\n\r\n")) connection.socket.write(ok("done"));
  });
  const client = await rig.send(
    "POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n",
  );
  await client.untilText("done");
  assert.equal(
    rig.upstream.text,
    "POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n",
  );
  assert.equal(bodyBytes((await rig.record(0)).requestBody).toString(), "hello");
});

test("a chunked response with trailers stays chunked with its trailers", async (t) => {
  const answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n";
  const rig = await startRig(t, {}, answering(answer));
  assert.equal(await (await rig.send(get("/"))).untilText("X-T: 1\r\n\r\n"), answer);
});

test("answers to HEAD, 204 and 304 have no body and keep their fields, and the connection goes on", async (t) => {
  const answers = [
    "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nX: 1\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nX: 2\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
  ];
  const left = [...answers];
  const rig = await startRig(t, {}, ({ socket }) => void socket.write(left.shift() ?? ""));
  const client = await rig.client();
  let expected = "";
  for (const [number, method] of ["HEAD", "GET", "GET", "HEAD"].entries()) {
    expected += answers[number];
    client.send(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`);
    await client.until((text) => text.length >= expected.length);
  }
  assert.equal(client.text, expected);
  assert.equal(rig.upstream.connections.length, 1);
});

test("a response that ends with the connection reaches the client whole, in chunks", async (t) => {
  const rig = await startRig(t, {}, ({ socket }) => void socket.end("HTTP/1.0 200 OK\r\nX: 1\r\n\r\nall of it"));
  const text = await (await rig.send(get("/"))).untilText("\r\n0\r\n\r\n");
  assert.equal(text, "HTTP/1.1 200 OK\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n");
  assert.equal((await rig.record(0)).outcome, "complete");
});

test("an HTTP/1.0 client gets the body without chunks, and the end of its connection", async (t) => {
  const rig = await startRig(
    t,
    {},
    answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n\r\n"),
  );
  const client = await rig.send("GET / HTTP/1.0\r\n\r\n");
  assert.equal(await client.ended(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
  assert.match(rig.upstream.text, /^GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n\r\n$/);
});

test("a client that asks to close gets Connection: close and the end", async (t) => {
  const rig = await startRig(t, {}, answering(ok("bye")));
  assert.equal(
    await (await rig.send(get("/", "Connection: close"))).ended(),
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye",
  );
});

test("an HTTP/1.0 client that asks to keep its connection is told that it ends", async (t) => {
  const rig = await startRig(t, {}, answering(ok("body")));
  const client = await rig.send("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
  assert.match(await client.ended(), /\r\nConnection: close\r\n\r\nbody$/);
});

test("100 Continue is asked of the upstream and passed on, and the body follows only then", async (t) => {
  const rig = await startRig(t, {}, (connection, chunk) => {
    if (chunk.endsWith("\r\n\r\n")) connection.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
    if (chunk.endsWith("body")) connection.socket.write(ok("taken"));
  });
  const client = await rig.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  await client.untilText("HTTP/1.1 100 Continue\r\n\r\n");
  assert.match(rig.upstream.text, /Expect: 100-continue/);
  client.send("body");
  await client.untilText("taken");
});

test("an upstream that refuses instead of 100 Continue is heard, and the connection ends", async (t) => {
  const rig = await startRig(t, {}, answering("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"));
  const client = await rig.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  assert.match(await client.ended(), /^HTTP\/1\.1 417 No\r\n/);
});

test("other interim responses pass with their fields, but not to an HTTP/1.0 client", async (t) => {
  const interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nX-H: 1\r\n\r\n";
  const rig = await startRig(t, {}, answering(interim + ok("end")));
  assert.equal(await (await rig.send(get("/"))).untilText("end"), interim + ok("end"));
  assert.doesNotMatch(await (await rig.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n")).ended(), /103/);
});

test("a response that the upstream cuts never looks whole", async (t) => {
  const rig = await startRig(t, {}, ({ socket }, chunk) => {
    const head = chunk.includes("/chunked") ? "Transfer-Encoding: chunked\r\n\r\n5\r\nhel" : "Content-Length: 50\r\n\r\nhel";
    socket.write(`HTTP/1.1 200 OK\r\n${head}`, () => socket.end());
  });
  for (const [number, path] of ["/length", "/chunked"].entries()) {
    const text = await (await rig.send(get(path))).ended();
    assert.doesNotMatch(text, /\r\n0\r\n/);
    assert.ok(!text.includes("hello"));
    assert.equal((await rig.record(number)).outcome, "upstream-aborted");
  }
});

test("a client that goes away in mid-response ends the upstream's work and is recorded so", async (t) => {
  const rig = await startRig(t, {}, ({ socket }) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart"));
  const client = await rig.send(get("/"));
  await client.untilText("part");
  client.socket.destroy();
  const upstream = await rig.upstream.connection(0);
  await once(upstream.socket, "close");
  const record = await rig.record(0);
  assert.equal(record.outcome, "client-aborted");
  assert.equal(bodyBytes(record.responseBody).toString(), "part");
});

test("a client that half-closes in mid-exchange counts as gone", async (t) => {
  const rig = await startRig(t, {}, () => {});
  const client = await rig.send(get("/"));
  const upstream = await rig.upstream.connection(0);
  client.socket.end();
  await once(upstream.socket, "close");
  assert.equal((await rig.record(0)).outcome, "client-aborted");
});

test("a client that goes away in mid-upload ends the upstream's request", async (t) => {
  const rig = await startRig(t, {}, (connection) => {
    if (connection.text.endsWith("abc")) connection.socket.emit("half");
  });
  const client = await rig.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  const { socket } = await rig.upstream.connection(0);
  await once(socket, "half");
  client.socket.destroy();
  await once(socket, "close");
  const record = await rig.record(0);
  assert.deepEqual([record.outcome, record.responseHead, bodyBytes(record.requestBody).toString()], ["client-aborted", "", "abc"]);
});

test("an early answer reaches a client that still uploads, and the rest is read away", async (t) => {
  const rig = await startRig(t, {}, (connection, chunk) => {
    if (chunk.includes("first")) connection.socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  });
  const client = await rig.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000005\r\n\r\nfirst");
  await client.untilText("\r\n\r\nno");
  client.send(Buffer.alloc(2_000_000)).send(get("/next"));
  await rig.record(0);
  const second = await rig.upstream.connection(1);
  assert.notEqual(second, undefined);
});

test("an upload of 20 MiB and its echo stream through, captured up to the bound", async (t) => {
  const bytes = 20 * 1024 * 1024;
  const rig = await startRig(t, { bodyBytesMax: 1000 }, ({ socket }, chunk) => {
    if (chunk.startsWith("POST"))
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${chunk.slice(chunk.indexOf("\r\n\r\n") + 4)}`, "latin1");
    else socket.write(chunk, "latin1");
  });
  const sent = createHash("sha256");
  const client = await rig.client();
  const { socket } = client;
  socket.removeAllListeners("data");
  const received = createHash("sha256");
  let arrived = 0;
  let heldMax = 0;
  socket.on("data", (chunk: Buffer) => {
    const body = arrived === 0 ? chunk.subarray(chunk.indexOf("\r\n\r\n") + 4) : chunk;
    heldMax = Math.max(heldMax, rig.port.heldBytes);
    received.update(body);
    arrived += body.length;
    if (arrived >= bytes) socket.emit("whole");
  });
  const whole = once(socket, "whole");
  client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${bytes}\r\n\r\n`);
  const block = Buffer.alloc(64 * 1024);
  for (let i = 0; i < bytes; i += block.length) {
    block.fill(i / block.length);
    sent.update(block);
    if (!socket.write(Buffer.from(block))) await once(socket, "drain");
  }
  await whole;
  assert.equal(received.digest("hex"), sent.digest("hex"));
  const { requestBody, responseBody } = await rig.record(0);
  assert.deepEqual([requestBody.sizeBytes, requestBody.truncated, bodyBytes(requestBody).length], [bytes, true, 1000]);
  assert.deepEqual([responseBody.sizeBytes, responseBody.truncated, bodyBytes(responseBody).length], [bytes, true, 1000]);
  assert.ok(heldMax <= 2000, `held ${heldMax}`);
});

test("a client that doesn't read holds the upstream back", async (t) => {
  const bytes = 64 * 1024 * 1024;
  let written = 0;
  const rig = await startRig(t, {}, ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
    const block = Buffer.alloc(1024 * 1024);
    const pump = (): void => {
      while (written < bytes) {
        written += block.length;
        if (!socket.write(block)) {
          socket.once("drain", pump);
          setImmediate(() => socket.emit("stalled"));
          return;
        }
      }
    };
    pump();
  });
  const client = await rig.client();
  client.socket.pause();
  client.send(get("/big"));
  const { socket } = await rig.upstream.connection(0);
  // The upstream is stalled for good when a full second of turns brought no further block: counted, not slept.
  let before = -1;
  for (let still = 0; still < 2000; still = before === written ? still + 1 : 0) {
    before = written;
    await new Promise(setImmediate);
  }
  assert.ok(written < bytes / 2, `${written} bytes went out to a client that reads nothing`);
  assert.ok(socket.writableLength > 0);
});

test("an upstream that doesn't read holds the client back", async (t) => {
  const bytes = 64 * 1024 * 1024;
  const rig = await startRig(t, {}, ({ socket }) => void socket.pause());
  const client = await rig.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${bytes}\r\n\r\n`);
  await rig.upstream.connection(0);
  let written = 0;
  const block = Buffer.alloc(1024 * 1024);
  for (let still = 0; still < 2000 && written < bytes; still += 1) {
    if (client.socket.writableNeedDrain) await new Promise(setImmediate);
    else {
      client.socket.write(block);
      written += block.length;
      still = 0;
    }
  }
  assert.ok(written < bytes / 2, `${written} bytes went into an upstream that reads nothing`);
});

test("requests that a client sends ahead are forwarded one after another", async (t) => {
  const rig = await startRig(t, {}, ({ socket }, chunk) => void socket.write(ok(/GET (\S+)/.exec(chunk)?.[1] ?? "?")));
  const client = await rig.send(get("/one") + get("/two") + get("/three"));
  assert.equal(await client.untilText("/three"), ok("/one") + ok("/two") + ok("/three"));
  assert.equal(rig.upstream.connections.length, 1);
});

test("a client that sends too many requests ahead is cut off", async (t) => {
  const rig = await startRig(t, {}, () => {});
  const client = await rig.send(get("/").repeat(100));
  await client.ended();
  assert.ok(rig.upstream.text.length <= get("/").length);
});

test("a head's bytes pass unchanged also where it goes out before its body", async (t) => {
  const rig = await startRig(t, {}, ({ socket }, chunk) => {
    if (chunk.startsWith("POST")) socket.write(Buffer.from("HTTP/1.1 200 OK\r\nX-Bytes: \xe9\xff\r\nContent-Length: 1\r\n\r\n", "latin1"));
  });
  const client = await rig.send("POST / HTTP/1.1\r\nHost: h\r\nX-Bytes: \xe9\xff\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
  assert.match(await client.untilText("\r\n\r\n"), /X-Bytes: \xe9\xff\r\n/);
  assert.match(rig.upstream.text, /X-Bytes: \xe9\xff\r\n/);
});
