import assert from "node:assert/strict";
import { test } from "node:test";
import type { SendOutcome } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import { RecentOutcomes } from "./recent-outcomes.ts";
import { settle, type Settlement } from "./settlement.ts";
import { spooled } from "./testing/memory-log.ts";

const refused = new SidestreamError("SST_DESTINATION_REFUSED", "too large");
const busy = new SidestreamError("SST_DESTINATION_BUSY", "wait");

function settled(keys: string, outcomes: readonly SendOutcome[], recent = new RecentOutcomes()): Settlement {
  return settle(
    keys.split("").map((key, index) => spooled(index + 1, key)),
    outcomes,
    recent,
  );
}

function refusals(count: number): SendOutcome[] {
  return Array.from({ length: count }, () => refused);
}

function sequences(messages: readonly { readonly logSequence: number }[]): readonly number[] {
  return messages.map(({ logSequence }) => logSequence);
}

test("each message goes the way of its outcome", () => {
  const { delivered, refused: dead, kept, failure, refusal } = settled("aaaa", [null, refused, null, busy]);
  assert.deepEqual([sequences(delivered), sequences(dead.map(({ message }) => message)), sequences(kept)], [[1, 3], [2], [4]]);
  assert.equal(failure, busy);
  assert.equal(refusal, refused);
});

test("after the first failure that may pass, messages stay whatever the driver says of them", () => {
  const { delivered, refused: dead, kept } = settled("aaaa", [null, busy, null, refused]);
  assert.deepEqual([sequences(delivered), dead.length, sequences(kept)], [[1], 0, [2, 3, 4]]);
});

test("once most recent messages are dead, refused ones are kept", () => {
  const { refused: dead, kept } = settled("a".repeat(15), refusals(15));
  assert.equal(dead.length, 11);
  assert.deepEqual(sequences(kept), [12, 13, 14, 15]);
});

test("a refused message is not kept behind a delivered one of its key", () => {
  const outcomes: SendOutcome[] = [...refusals(13), null, refused];
  const { delivered, refused: dead, kept } = settled(`${"a".repeat(11)}abba`, outcomes);
  assert.deepEqual(sequences(delivered), [14]);
  assert.deepEqual(sequences(dead.map(({ message }) => message)).slice(11), [13]);
  assert.deepEqual(sequences(kept), [12, 15]);
});

test("redriven messages that are refused again are set aside, however many, and hold up nothing", () => {
  const recent = new RecentOutcomes();
  const batch = Array.from({ length: 40 }, (_, index) => ({ ...spooled(index + 1, "a"), stream: "redrive/stream1" }));
  const { refused: dead, kept } = settle([...batch, spooled(41, "a")], [...refusals(40), null], recent);
  assert.deepEqual([dead.length, kept.length, recent.mostlyDead], [40, 0, false]);
});

test("redriven messages are set aside in a storm, too, and live ones aren't for their sake", () => {
  const live = Array.from({ length: 12 }, (_, index) => spooled(index + 1, "a"));
  const redriven = (number: number, key: string) => ({ ...spooled(number, key), stream: "redrive/stream1" });
  const batch = [...live, redriven(13, "a"), spooled(14, "b"), redriven(15, "b")];
  const { refused: dead, kept } = settle(batch, [...refusals(14), null], new RecentOutcomes());
  assert.deepEqual(sequences(dead.map(({ message }) => message)).slice(11), [13]);
  assert.deepEqual(sequences(kept), [12, 14]);
});

test("only the last 20 outcomes count", () => {
  const recent = new RecentOutcomes();
  for (let count = 0; count < 10; count += 1) recent.add(true);
  assert.equal(recent.mostlyDead, false);
  recent.add(true);
  assert.equal(recent.mostlyDead, true);
  for (let count = 0; count < 10; count += 1) recent.add(false);
  assert.equal(recent.mostlyDead, false);
  recent.clear();
  for (let count = 0; count < 11; count += 1) recent.add(true);
  assert.equal(recent.mostlyDead, true);
});
