import { equal } from "node:assert/strict";
import { test } from "node:test";
import type { Event, JournalPlace } from "./event.ts";
import { SourceOrder } from "./source-order.ts";

function place(key: string, more: Partial<JournalPlace> = {}): JournalPlace {
  return { key, resumes: false, isRepeated: false, ...more };
}

function event(journal: JournalPlace, sourcePosition: number): Event {
  const payload = { bytes: Buffer.alloc(0), sizeBytes: 0, truncated: false };
  const agent = { topic: "t", wallet: null, payload, journal };
  return { id: `b/${sourcePosition}`, kind: "agent", source: "s", sourcePosition, timeMs: 0, transaction: null, agent };
}

test("a boot flows from where its source resumes, until one of its events is turned back", () => {
  const order = new SourceOrder();
  equal(order.admits(place("s a")), false, "nobody knows what was before");
  equal(order.admits(place("s a", { resumes: true })), true);
  equal(order.admits(place("s a")), true);
  equal(order.admits(place("s b")), false, "boots are apart");
  order.stop(place("s a"));
  equal(order.admits(place("s a")), false);
  equal(order.admits(place("s a", { resumes: true })), true);
});

test("after a write that failed every source goes back", () => {
  const order = new SourceOrder();
  for (const key of ["s a", "s b"]) order.admits(place(key, { resumes: true }));
  order.stopAll();
  for (const key of ["s a", "s b"]) equal(order.admits(place(key)), false);
});

test("what was accepted once is repeated when it comes again, also where its source doesn't say so", () => {
  const order = new SourceOrder();
  equal(order.isRepeated(event(place("s a"), 3)), false);
  order.accepted(place("s a"), 3);
  equal(order.isRepeated(event(place("s a"), 3)), true);
  equal(order.isRepeated(event(place("s a"), 4)), false);
  equal(order.isRepeated(event(place("s b"), 3)), false);
  equal(order.isRepeated(event(place("s b", { isRepeated: true }), 3)), true);
});

test("boots that are gone are forgotten, and one of them begins anew where it stands", () => {
  const order = new SourceOrder();
  for (let boot = 0; boot < 10_001; boot += 1) order.admits(place(`s ${boot}`, { resumes: true }));
  equal(order.admits(place("s 0")), false);
  equal(order.admits(place("s 1")), true);
});
