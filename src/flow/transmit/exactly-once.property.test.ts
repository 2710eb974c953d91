/**
 * Messages that must not arrive twice, under random misfortune: where it can't be told whether they arrived, their lane
 * stops until somebody decides. fast-check prints seed and path of a failure, and shrinks it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assertNothingLost, assertOrder, KEPT_FAULTS, live, misfortune, type Misfortune, type Outcome } from "./testing/misfortune.ts";
import type { Fault } from "./testing/numbered-destination.ts";
import { guarantee } from "../../../tests/guarantees.ts";

guarantee({
  failure: "log-damaged",
  delivery: ["exactly-once"],
  to: "Kafka",
  test: "damage to the log where it was being sent doubles nothing",
  lost: "what was damaged, counted as dropped",
  doubled: "nothing: a lane that is in doubt stops until somebody decides",
  todo: "`sidestream status` names the lane; look at the disk",
});

const FORGETFUL: readonly Fault[] = [
  "none",
  "none",
  "lost-before",
  "lost-after",
  "busy",
  "unreachable",
  "split",
  "forget",
  "forgotten-before",
  "forgotten-after",
];

async function liveOnce(given: Misfortune): Promise<Outcome> {
  const outcome = await live(given, true);
  assertNothingLost(outcome);
  assertOrder(outcome);
  const sequences = outcome.destination.arrived.map(({ sequence }) => sequence);
  assert.equal(new Set(sequences).size, sequences.length, "a message arrived twice");
  return outcome;
}

test("a destination that forgets its numbers gets each message once: what is in doubt waits for somebody who looks", async () => {
  let decisions = 0;
  const property = fc.asyncProperty(misfortune(FORGETFUL, false), async (given) => {
    decisions += (await liveOnce(given)).decisions;
  });
  await fc.assert(property, { numRuns: 400 });
  assert.ok(decisions > 20, `only ${decisions} lanes stopped`);
});

test("as long as the destination knows its numbers, no lane stops", async () => {
  const property = fc.asyncProperty(misfortune(KEPT_FAULTS, false), async (given) => {
    assert.equal((await liveOnce(given)).decisions, 0);
  });
  await fc.assert(property, { numRuns: 200 });
});

test("damage to the log where it was being sent doubles nothing", async () => {
  const property = fc.asyncProperty(misfortune(["none", "lost-before", "lost-after", "busy", "split"], true), async (given) => {
    await liveOnce(given);
  });
  await fc.assert(property, { numRuns: 300 });
});
