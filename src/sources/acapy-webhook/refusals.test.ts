import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusals } from "./refusals.ts";
import { post, startRig } from "./testing/rig.ts";

test("refused posts are one line in the log and one trouble until a minute after the last", () => {
  const told: string[] = [];
  const refusals = new Refusals((level, text) => void told.push(`${level}: ${text}`));
  for (const nowMs of [0, 10_000, 69_999]) refusals.note(401, nowMs);
  assert.equal(told.length, 1);
  assert.match(told[0] ?? "", /^warn: posts are answered 401.*apiKey/);
  assert.deepEqual(refusals.troubles(129_998), [told[0]?.slice("warn: ".length)]);
  assert.deepEqual(refusals.troubles(129_999), []);
  refusals.note(401, 130_000);
  assert.equal(told.length, 2);
});

test("what the agent sends again with a chance, or what no agent sends, is no trouble", () => {
  const refusals = new Refusals(() => assert.fail());
  for (const status of [0, 200, 400, 404, 405, 503]) refusals.note(status, 0);
  assert.deepEqual(refusals.troubles(0), []);
});

test("an agent with a wrong key, and one whose events are too large, are told by the source that refuses them", async (t) => {
  const rig = await startRig(t, { apiKey: "k", bodyBytesMax: 1_024 });
  await (await rig.send(post("/topic/a/", "{}", "x-api-key: k"))).untilText("HTTP/1.1 200 ");
  assert.deepEqual(rig.source.troubles?.(), []);
  await (await rig.send(post("/topic/a/", "{}", "x-api-key: other"))).untilText("HTTP/1.1 401 ");
  await (await rig.send(post("/topic/a/", `"${"x".repeat(2_000)}"`, "x-api-key: k"))).untilText("HTTP/1.1 413 ");
  // An answer is counted a turn after its last byte.
  for (let turn = 0; turn < 1_000 && rig.source.troubles?.().length !== 2; turn += 1) await new Promise(setImmediate);
  const [wrongKey, tooLarge] = rig.source.troubles?.() ?? [];
  assert.match(wrongKey ?? "", /answered 401/);
  assert.match(tooLarge ?? "", /answered 413.*bodyBytesMax/);
});
