import assert from "node:assert/strict";
import { test } from "node:test";
import type { Settlement } from "../../driver/source.ts";
import { REPEAT_MS_MAX, Repeats, REPEATS_MAX } from "./repeats.ts";

const SPOOLED = Promise.resolve<Settlement>("spooled");

test("an event is taken once for each time that it was added, the oldest first", async () => {
  const repeats = new Repeats();
  const second = Promise.resolve<Settlement>("spooled");
  repeats.add("a", SPOOLED, 0);
  repeats.add("b", SPOOLED, 1);
  repeats.add("a", second, 2);
  assert.equal(repeats.take("c", 3), null);
  assert.equal(repeats.take("a", 3), SPOOLED);
  assert.equal(repeats.take("a", 3), second);
  assert.equal(repeats.take("a", 3), null);
  assert.equal(repeats.size, 1);
});

test("an event is forgotten after a minute", () => {
  const repeats = new Repeats();
  repeats.add("a", SPOOLED, 0);
  repeats.add("a", SPOOLED, 10);
  assert.equal(repeats.take("b", REPEAT_MS_MAX - 1), null);
  assert.equal(repeats.size, 2);
  assert.equal(repeats.take("b", REPEAT_MS_MAX), null);
  assert.equal(repeats.size, 1);
  assert.equal(repeats.take("a", REPEAT_MS_MAX + 10), null);
  assert.equal(repeats.size, 0);
});

test("beyond the bound the oldest is forgotten, also where all are alike", () => {
  const repeats = new Repeats();
  for (let number = 0; number < REPEATS_MAX; number += 1) repeats.add(number === 0 ? "first" : "a", SPOOLED, number / 1e6);
  assert.equal(repeats.size, REPEATS_MAX);
  repeats.add("last", SPOOLED, 1);
  assert.equal(repeats.size, REPEATS_MAX);
  assert.equal(repeats.take("first", 1), null);
  assert.equal(repeats.take("last", 1), SPOOLED);
});

test("an event that did not get to the disk after all is forgotten at once", async () => {
  const repeats = new Repeats();
  const { promise, resolve } = Promise.withResolvers<Settlement>();
  repeats.add("a", promise, 0);
  repeats.add("a", SPOOLED, 0);
  resolve("lost");
  await promise;
  await SPOOLED;
  assert.equal(repeats.size, 1);
  assert.equal(repeats.take("a", 0), SPOOLED);
});
