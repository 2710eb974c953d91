import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RawClient } from "../../driver/testing/raw-client.ts";
import { get, ok, startRig } from "./testing/rig.ts";

const REQUEST =
  "POST /a?b HTTP/1.1\r\nHost: h\r\nConnection: x-a\r\nX-A: 1\r\nTrailer: T\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";
const RESPONSE =
  "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nX-B: 1\r\nTrailer: T\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";

/** Each byte of a message replaced, removed or doubled, in up to three places. */
function damaged(message: string): fc.Arbitrary<Buffer> {
  const damage = fc.record({ at: fc.nat(message.length - 1), byte: fc.nat(255), how: fc.constantFrom("replace", "remove", "insert") });
  return fc.array(damage, { minLength: 1, maxLength: 3 }).map((damages) => {
    const bytes = [...Buffer.from(message, "latin1")];
    for (const { at, byte, how } of damages) bytes.splice(at, how === "insert" ? 0 : 1, ...(how === "remove" ? [] : [byte]));
    return Buffer.from(bytes);
  });
}

test("property: no damaged request or response brings the gateway down, and what is held is given back", { timeout: 60_000 }, async (t) => {
  let answer: Buffer = Buffer.from(ok("x"));
  const rig = await startRig(t, { timeouts: { upstreamIdleMs: 50, clientIdleMs: 50 } }, ({ socket, text }) => {
    if (text.startsWith("GET /fine")) socket.write(ok("fine"));
    else socket.write(answer);
  });
  const send = async (request: Buffer | string): Promise<void> => {
    const client = await RawClient.connect(rig.gateway.address);
    client.send(request);
    client.socket.end();
    await client.ended();
  };
  await fc.assert(
    fc.asyncProperty(damaged(REQUEST), damaged(RESPONSE), async (request, response) => {
      answer = Buffer.from(RESPONSE, "latin1");
      await send(request);
      answer = response;
      const client = await RawClient.connect(rig.gateway.address);
      client.send(REQUEST);
      // A damaged answer may be without end: what tells is that the next request is served.
      await client.until((text) => text.includes("\r\n\r\n")).catch(() => {});
      client.socket.destroy();
    }),
    { numRuns: 300 },
  );
  for (const { socket } of rig.upstream.connections) socket.destroy();
  const client = await rig.send(get("/fine"));
  await client.untilText("fine");
  await rig.gateway.close(0);
  assert.equal(rig.port.heldBytes, 0);
});

test("property: every byte that a field may have passes in fields and trailers, and any other is refused", async (t) => {
  const rig = await startRig(t, {}, ({ socket }, chunk) => {
    if (chunk.includes("\r\n0\r\n")) socket.write(ok("y"));
  });
  for (let byte = 1; byte < 256; byte += 1) {
    const value = `a${String.fromCharCode(byte)}b`;
    const client = await rig.send(
      `POST / HTTP/1.1\r\nHost: h\r\nX: ${value}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: ${value}\r\n\r\n`,
    );
    const passes = byte === 9 || (byte >= 32 && byte !== 127);
    const text = await client.until((now) => now.includes("\r\n\r\n"));
    assert.match(text, passes ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 400 /, `byte ${byte}`);
    client.socket.destroy();
    if (passes)
      assert.ok(
        rig.upstream.text.includes(`\r\nX: ${value}\r\nTransfer`) && rig.upstream.text.includes(`\r\nT: ${value}\r\n`),
        `byte ${byte}`,
      );
  }
});
