/**
 * Numbered lanes under random misfortune. fast-check prints seed and path of a failure, and shrinks it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assertNothingLost, assertOrder, KEPT_FAULTS, lateMisfortune, live, misfortune } from "./testing/misfortune.ts";
import type { Fault } from "./testing/numbered-destination.ts";
import { guarantee } from "../../../tests/guarantees.ts";

guarantee(
  {
    failure: "network-cut",
    delivery: ["at-least-once"],
    to: "Kafka",
    test: "as long as the destination knows its numbers, each message arrives once and in order, whatever is lost, late or killed",
    lost: "nothing",
    doubled: "nothing",
    todo: "nothing; it asks what has arrived and goes on from there",
  },
  {
    failure: "producer-forgotten",
    delivery: ["at-least-once"],
    to: "Kafka",
    test: "a destination that forgets its numbers gets nothing less, and in order",
    lost: "nothing",
    doubled: "what was under way, where the topic doesn't hold it any more or it is further back than 128 MiB",
    todo: "nothing; `retention.ms` and `producer.id.expiration.ms` longer than an outage keep it from happening",
  },
  {
    failure: "log-damaged",
    delivery: ["at-least-once"],
    to: "Kafka",
    test: "damage to the log where it was being sent loses nothing but what it hit",
    lost: "what was damaged, counted as dropped",
    doubled: "what may have been sent of the lanes that were hit",
    todo: "`sidestream spool fsck` lists it; look at the disk",
  },
);

test("as long as the destination knows its numbers, each message arrives once and in order, whatever is lost, late or killed", async () => {
  await fc.assert(
    fc.asyncProperty(misfortune(KEPT_FAULTS, false), async (given) => {
      const outcome = await live(given);
      assertNothingLost(outcome);
      assertOrder(outcome);
      const sequences = outcome.destination.arrived.map(({ sequence }) => sequence);
      assert.equal(new Set(sequences).size, sequences.length, "a message arrived twice");
    }),
    { numRuns: 400 },
  );
});

test("a destination that forgets its numbers gets nothing less, and in order", async () => {
  const faults: readonly Fault[] = ["none", "lost-before", "lost-after", "busy", "unreachable", "split", "forget"];
  await fc.assert(
    fc.asyncProperty(misfortune(faults, false), async (given) => {
      const outcome = await live(given);
      assertNothingLost(outcome);
      assertOrder(outcome);
    }),
    { numRuns: 200 },
  );
});

test("damage to the log where it was being sent loses nothing but what it hit", async () => {
  await fc.assert(
    fc.asyncProperty(misfortune(KEPT_FAULTS, true), async (given) => {
      const outcome = await live(given);
      assertNothingLost(outcome);
      assertOrder(outcome);
    }),
    { numRuns: 300 },
  );
});

test("requests of dead processes that come late, under numbers that damage gave to others, lose nothing", async () => {
  await fc.assert(
    fc.asyncProperty(lateMisfortune(), async (given) => {
      const outcome = await live(given);
      assertNothingLost(outcome);
      assertOrder(outcome);
    }),
    { numRuns: 1_000 },
  );
});
