/** What an agent sends again, what comes late, and what is no event. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Settlement } from "../../driver/source.ts";
import { bodyBytes } from "../../driver/testing/fake-port.ts";
import { post, startRig } from "./testing/rig.ts";
import type { Rig } from "./testing/rig.ts";

const REPEATS = "sidestream_acapy_webhook_repeats_total";
const PING = post("/topic/ping/", "{}", "x-wallet-id: w1");

/** A post that is handed in, while nobody answers it. */
async function handIn(rig: Rig, post: Buffer, number: number) {
  const client = await rig.send(post);
  await rig.port.records(number);
  return client;
}

async function answer(rig: Rig, post: Buffer): Promise<string> {
  const text = await (await rig.send(post)).until((now) => now.includes("\r\n\r\n"));
  return text.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length);
}

test("two events that are alike are both stored when both are answered", async (t) => {
  const rig = await startRig(t);
  assert.deepEqual([await answer(rig, PING), await answer(rig, PING)], ["200", "200"]);
  assert.equal(rig.port.kept.length, 2);
  assert.equal(rig.source.counters()[REPEATS], 0);
});

test("an event that was stored after its 503 is not stored again when the agent repeats it, and only once is it left out", async (t) => {
  const rig = await startRig(t, { deadlineMs: 100 });
  rig.port.settlement = null;
  assert.equal(await answer(rig, PING), "503");
  rig.port.settle("spooled");
  rig.port.settlement = "spooled";
  assert.equal(await answer(rig, post("/topic/ping/", "{}", "x-wallet-id: w2")), "200");
  assert.equal(rig.port.kept.length, 2);
  assert.equal(await answer(rig, PING), "200");
  assert.equal(rig.port.kept.length, 2);
  assert.equal(rig.source.counters()[REPEATS], 1);
  assert.equal(await answer(rig, PING), "200");
  assert.equal(rig.port.kept.length, 3);
});

test("a repeat of an event that is still under way waits for it, over several tries", async (t) => {
  const rig = await startRig(t, { deadlineMs: 100 });
  rig.port.settlement = null;
  for (let tries = 0; tries < 3; tries += 1) assert.equal(await answer(rig, PING), "503");
  assert.equal(rig.port.kept.length, 1);
  rig.port.settle("spooled");
  assert.equal(await answer(rig, PING), "200");
  assert.equal(rig.port.kept.length, 1);
  assert.equal(rig.source.counters()[REPEATS], 1);
});

for (const settlement of ["refused", "lost"] as const satisfies Settlement[]) {
  test(`a repeat of an event that was ${settlement} after its 503 is stored`, async (t) => {
    const rig = await startRig(t, { deadlineMs: 100 });
    rig.port.settlement = null;
    assert.equal(await answer(rig, PING), "503");
    rig.port.settle(settlement);
    rig.port.settlement = "spooled";
    assert.equal(await answer(rig, PING), "200");
    assert.equal(rig.port.kept.length, 2);
    assert.equal(rig.source.counters()[REPEATS], 0);
  });
}

test("an event whose connection ended before its 200 is not stored again when the agent repeats it", async (t) => {
  const rig = await startRig(t);
  rig.port.settlement = null;
  const leaving = await handIn(rig, PING, 1);
  leaving.socket.resetAndDestroy();
  // What comes on a later connection is read after the end of the one before.
  assert.equal(await answer(rig, post("/", "{}")), "404");
  rig.port.settle("spooled");
  rig.port.settlement = "spooled";
  assert.equal(await answer(rig, PING), "200");
  assert.equal(rig.port.kept.length, 1);
  assert.equal(rig.source.counters()['sidestream_acapy_webhook_answers_total{status="0"}'], 1);
  assert.equal(await answer(rig, PING), "200");
  assert.equal(rig.port.kept.length, 2);
});

test("a repeat whose own answer is lost, too, is still left out at the next try", async (t) => {
  const rig = await startRig(t, { deadlineMs: 200 });
  rig.port.settlement = null;
  assert.equal(await answer(rig, PING), "503");
  const leaving = await rig.send(PING);
  assert.equal(await answer(rig, post("/", "{}")), "404");
  leaving.socket.resetAndDestroy();
  assert.equal(await answer(rig, post("/", "{}")), "404");
  rig.port.settle("spooled");
  assert.equal(await answer(rig, PING), "200");
  assert.equal(rig.port.kept.length, 1);
});

test("a body that only trickles in is answered at the deadline, and what comes of it later is not stored", async (t) => {
  const rig = await startRig(t, { deadlineMs: 100 });
  const client = await rig.send("POST /topic/ping/ HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
  for (const byte of "[1]") {
    client.send(byte);
    await new Promise(setImmediate);
  }
  await client.untilText("HTTP/1.1 503 ");
  client.send(" ").send(post("/topic/pong/", "{}"));
  await client.untilText("200 OK");
  assert.deepEqual(
    rig.port.kept.map(({ record }) => (record.kind === "agent" ? record.topic : "")),
    ["pong"],
  );
  assert.equal(rig.port.heldBytes, 0);
});

test("odd JSON is stored byte for byte, and what is no JSON in UTF-8 not at all", async (t) => {
  const rig = await startRig(t);
  const odd = ['{"a":"\\u0000"}', '{"a":"\\ud800 \\udfff"}', "null", '"text"', "-0.5e9", ' {"a":1,"a":2} ', "[1e400]"];
  for (const body of odd) assert.equal(await answer(rig, post("/topic/basicmessages/", body)), "200", body);
  assert.deepEqual(
    odd.map((_, number) => bodyBytes(rig.agentRecord(number).payload).toString()),
    odd,
  );
  const broken = [
    Buffer.from('{"a":"\0"}'),
    Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
    Buffer.from([0x22, 0xc0, 0x80, 0x22]),
    Buffer.from("{}{}"),
    Buffer.from("NaN"),
    Buffer.from('{"a":1'),
    Buffer.from("{}", "utf16le"),
  ];
  for (const body of broken) assert.equal(await answer(rig, post("/topic/basicmessages/", body)), "400", body.toString("latin1"));
  assert.equal(rig.port.kept.length, odd.length);
});

test("fields that stand there twice don't get an event in that one of them would have kept out", async (t) => {
  const rig = await startRig(t, { apiKey: "hook-key-1", bodyBytesMax: 1024 });
  const key = "x-api-key: hook-key-1";
  for (const fields of [
    [key, "X-Api-Key: other"],
    ["X-Api-Key: other", key],
    [key, "x-wallet-id: a", "X-Wallet-Id: a"],
    [key, "Content-Length: 1"],
    [key, "Transfer-Encoding: chunked"],
  ]) {
    const status = await answer(rig, post("/topic/ping/", "{}", ...fields));
    assert.match(status, /^40[01]$/, fields.join(", "));
  }
  assert.deepEqual(rig.port.kept, []);
});

test("an event of 10 MB is stored byte for byte where bodyBytesMax allows it, and refused before it is read where not", async (t) => {
  const large = Buffer.from(JSON.stringify({ content: "é".repeat(5_000_000) }));
  const rig = await startRig(t, { bodyBytesMax: "16MiB" });
  assert.equal(await answer(rig, post("/topic/basicmessages/", large)), "200");
  assert.ok(bodyBytes(rig.agentRecord(0).payload).equals(large));
  assert.equal(rig.port.heldBytes, 0);
  const usual = await startRig(t);
  const head = `POST /topic/basicmessages/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${large.length}\r\n\r\n`;
  await (await usual.send(head)).untilText("HTTP/1.1 413 ");
  assert.deepEqual(usual.port.kept, []);
});
