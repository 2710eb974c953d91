import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import { answering } from "../../driver/testing/raw-upstream.ts";
import { asWritten, forwardedRequest, requestFault } from "./headers.ts";
import { get, ok, startRig } from "./testing/rig.ts";

/** Requests that two readers could understand in two ways, or that aren't HTTP/1.1. */
const AMBIGUOUS: Readonly<Record<string, string>> = {
  "Content-Length beside Transfer-Encoding":
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "Transfer-Encoding beside Content-Length":
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
  "two Content-Length fields": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
  "two equal Content-Length fields": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
  "a list as Content-Length": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4, 4\r\n\r\nabcd",
  "a sign in Content-Length": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +4\r\n\r\nabcd",
  "hexadecimal Content-Length": "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x4\r\n\r\nabcd",
  "a Content-Length beyond all numbers": `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${"9".repeat(30)}\r\n\r\n`,
  "Transfer-Encoding twice": "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "Transfer-Encoding as a list": "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
  "an unknown Transfer-Encoding": "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
  "Transfer-Encoding with a vertical tab": "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
  "Transfer-Encoding in HTTP/1.0": "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "a folded field": "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
  "a space before the colon": "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
  "a space before a field's name": "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
  "an empty field name": "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n",
  "two Host fields": "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  "no Host field": "GET / HTTP/1.1\r\nX: 1\r\n\r\n",
  "HTTP/2.0 on the request line": "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
  "HTTP/1.2 on the request line": "GET / HTTP/1.2\r\nHost: h\r\n\r\n",
  "HTTP/0.9": "GET /\r\n\r\n",
  "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "a bare line feed after the request line": "GET / HTTP/1.1\nHost: h\r\n\r\n",
  "a bare line feed after a field": "GET / HTTP/1.1\r\nHost: h\nX: 1\r\n\r\n",
  "bare line feeds at the end": "GET / HTTP/1.1\r\nHost: h\n\n",
  "a bare carriage return in a field": "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
  "a NUL in a field": "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
  "a space in the target": "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
  "an unknown method": "FROB / HTTP/1.1\r\nHost: h\r\n\r\n",
  "a TLS greeting": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "the Host field in Connection's list of an identity":
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: X-Okapi-Tenant\r\nX-Okapi-Tenant: diku\r\n\r\n",
  "the token in Connection's list": "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, Authorization\r\nAuthorization: Bearer x\r\n\r\n",
};

for (const [name, bytes] of Object.entries(AMBIGUOUS)) {
  test(`refused, and the upstream untouched: ${name}`, async (t) => {
    const rig = await startRig(t, {}, answering(ok("smuggled")));
    const text = await (await rig.send(bytes + get("/second"))).ended();
    assert.match(text, /^(HTTP\/1\.1 (400 Bad Request|501 Not Implemented)\r\n|$)/);
    if (text !== "") assert.match(text, /\r\nConnection: close\r\n/);
    assert.equal(text.split("HTTP/1.1 ").length, text === "" ? 1 : 2);
    assert.equal(rig.upstream.connections.length, 0);
    assert.equal(rig.port.kept.length, 0);
  });
}

/** Bodies that break the rules after a head that didn't: the head was passed on, so the upstream is cut off. */
const BROKEN_BODIES: Readonly<Record<string, string>> = {
  "a chunk size that is no number": "xyz\r\nabc\r\n0\r\n\r\n",
  "a chunk size with a sign": "-3\r\nabc\r\n0\r\n\r\n",
  "a chunk longer than its size": "3\r\nabcdef\r\n0\r\n\r\n",
  "a bare line feed after a chunk size": "3\nabc\r\n0\r\n\r\n",
  "a bare line feed after a chunk": "3\r\nabc\n0\r\n\r\n",
  "a chunk size beyond all numbers": "fffffffffffffffff\r\nabc",
};

for (const [name, body] of Object.entries(BROKEN_BODIES)) {
  test(`cut off, and never whole to the upstream: ${name}`, async (t) => {
    const rig = await startRig(t, {}, () => {});
    const client = await rig.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    const upstream = await rig.upstream.connection(0);
    client.send(body + get("/second"));
    assert.match(await client.ended(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*Connection: close/);
    if (!upstream.socket.closed) await once(upstream.socket, "close");
    assert.doesNotMatch(upstream.text, /\r\n0\r\n\r\n|second/);
    assert.equal((await rig.record(0)).outcome, "client-aborted");
    assert.equal(rig.port.heldBytes, 0);
  });
}

test("a head beyond the limit is answered 431", async (t) => {
  const rig = await startRig(t, { headBytesMax: 2048 }, answering(ok("x")));
  assert.match(await (await rig.send(get("/", `X: ${"a".repeat(4000)}`))).ended(), /^HTTP\/1\.1 431 [^]*SST_REQUEST_TOO_LARGE/);
  assert.equal(rig.upstream.connections.length, 0);
});

test("a head of 60 KiB with 2,000 fields passes whole", async (t) => {
  const rig = await startRig(t, {}, answering(ok("x")));
  const request = get("/", ...Array.from({ length: 2000 }, (_, i) => `X-${i}: ${"v".repeat(20)}`));
  await (await rig.send(request)).untilText("\r\n\r\nx");
  assert.equal(rig.upstream.text, request);
});

test("a head that doesn't come in time is answered 408", async (t) => {
  const rig = await startRig(t, { timeouts: { headMs: 1 } }, answering(ok("x")));
  assert.match(await (await rig.send("GET / HTTP/1.1\r\nHost")).ended(), /^HTTP\/1\.1 408 /);
});

test("CONNECT is refused", async (t) => {
  const rig = await startRig(t, {}, answering(ok("x")));
  assert.match(await (await rig.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")).ended(), /^HTTP\/1\.1 501 /);
  assert.equal(rig.upstream.connections.length, 0);
});

test("a client that asks for CONNECT and resets its connection does not end the program", async (t) => {
  const rig = await startRig(t, {}, answering(ok("x")));
  for (let number = 0; number < 10; number += 1) {
    const client = await rig.client();
    client.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").socket.resetAndDestroy();
  }
  await (await rig.send(get("/"))).untilText("200 OK");
});

test("an error says its code and what to do, and no more", async (t) => {
  const rig = await startRig(t, {}, answering(ok("x")));
  const text = await (await rig.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")).ended();
  const body = JSON.parse(text.slice(text.indexOf("\r\n\r\n"))) as Record<string, string>;
  assert.deepEqual(Object.keys(body), ["code", "message", "hint"]);
  assert.equal(body["code"], "SST_REQUEST_INVALID");
  assert.equal(body["message"], "there is more than one Host field");
  assert.equal(rig.gateway.counters()["sidestream_gateway_rejected_total"], 1);
});

test("property: what is forwarded has the fields that don't end here, in their order, and no request passes with two lengths", () => {
  const name = fc.constantFrom(
    "Host",
    "hOST",
    "Content-Length",
    "content-length",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "TE",
    "X-A",
    "x-a",
    "X-B",
  );
  const value = fc.constantFrom("", "h", "5", "chunked", "gzip", "close", "x-a", "X-Okapi-Tenant", "x-b, close");
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 10 }), (fields) => {
      const head = { rawHeaders: fields.flat(), httpVersion: "1.1", method: "GET" };
      const fault = requestFault(head);
      const count = (wanted: string): number => fields.filter(([field]) => field.toLowerCase() === wanted).length;
      if (count("content-length") + count("transfer-encoding") > 1 || count("host") !== 1) assert.notEqual(fault, null);
      if (fault !== null) return;
      const named = new Set(
        fields.filter(([field]) => field.toLowerCase() === "connection").flatMap(([, list]) => list.toLowerCase().split(/, */)),
      );
      const stays = ["host", "content-length", "transfer-encoding"];
      const ends = ["connection", "keep-alive", "te"];
      const expected = fields.filter(
        ([field]) => stays.includes(field.toLowerCase()) || !(ends.includes(field.toLowerCase()) || named.has(field.toLowerCase())),
      );
      assert.deepEqual(forwardedRequest(head, false, "up"), expected.flat());
    }),
  );
});

test("property: what asWritten changes comes out as it was", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const value = Buffer.from(bytes).toString("latin1");
      const [, , , written = ""] = asWritten(["Content-Length", "5", "Content-Disposition", value]);
      assert.equal(Buffer.from(written, "latin1").toString("utf8"), value);
    }),
  );
});
