import assert from "node:assert/strict";
import { test } from "node:test";
import { webhookOptions } from "./options.ts";
import { post, startRig } from "./testing/rig.ts";

const ANSWERED = (text: string): boolean => text.includes("\r\n\r\n");

test("a wallet's key sends that wallet's events alone, an agent's key those of every wallet", async (t) => {
  const rig = await startRig(t, { apiKey: ["agent-old", "agent-new"], walletKeys: { w1: "key-1", w2: "key-2" } });
  const cases: readonly (readonly [key: string, wallet: string | null, status: number])[] = [
    ["key-1", "w1", 200],
    ["key-1", "w2", 401],
    ["key-1", "w3", 401],
    ["key-1", null, 401],
    ["key-2", "w2", 200],
    ["agent-old", "w1", 200],
    ["agent-new", "w9", 200],
    ["agent-new", null, 200],
    ["agent", "w1", 401],
    ["", "w1", 401],
  ];
  for (const [key, wallet, status] of cases) {
    const fields = [`x-api-key: ${key}`, ...(wallet === null ? [] : [`x-wallet-id: ${wallet}`])];
    const text = await (await rig.send(post("/topic/ping/", "{}", ...fields))).until(ANSWERED);
    assert.ok(text.startsWith(`HTTP/1.1 ${status} `), `${key} ${wallet}: ${text.slice(0, 20)}`);
  }
  assert.deepEqual(
    rig.port.kept.map(({ record }) => (record.kind === "agent" ? record.wallet : "")),
    ["w1", "w2", "w1", "w9", null],
  );
});

test("with keys for wallets alone, nothing comes in without one of them", async (t) => {
  const rig = await startRig(t, { walletKeys: { w1: "key-1" } });
  for (const fields of [[], ["x-wallet-id: w1"], ["x-wallet-id: w2"], ["x-wallet-id: w1", "x-wallet-id: w2", "x-api-key: key-1"]]) {
    const text = await (await rig.send(post("/topic/ping/", "{}", ...fields))).until(ANSWERED);
    assert.match(text, /^HTTP\/1\.1 40[01] /);
  }
  await (await rig.send(post("/topic/ping/", "{}", "x-wallet-id: w1", "x-api-key: key-1"))).untilText("200 OK");
  assert.equal(rig.port.kept.length, 1);
});

test("a key that would be good for more than its owner, or that no agent can send, is a configuration error at its place", () => {
  const faults = (options: object): unknown[] =>
    webhookOptions.safeParse({ listen: "127.0.0.1:0", ...options }).error?.issues.map(({ path }) => path.join(".")) ?? [];
  assert.deepEqual(faults({ apiKey: "same", walletKeys: { w1: "same" } }), ["walletKeys.w1"]);
  assert.deepEqual(faults({ walletKeys: { w1: "same", w2: "other", w3: "same" } }), ["walletKeys.w3"]);
  assert.deepEqual(faults({ walletKeys: { "w 1": "k" } }), ["walletKeys.w 1"]);
  for (const key of ["", " blank", "blank ", "has#hash", "kéy", "tab\t", "k".repeat(1025)])
    assert.deepEqual(faults({ apiKey: key }), ["apiKey"], key);
  assert.deepEqual(faults({ apiKey: [] }), ["apiKey"]);
  assert.deepEqual(faults({ apiKey: ["a", "two words", "c"], walletKeys: { "c72dca46-b987-47e9-b9c7-0b07074cf977": "d" } }), []);
});
