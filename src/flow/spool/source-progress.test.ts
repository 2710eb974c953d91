import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SourceProgress, type Placed } from "./source-progress.ts";

function message(sourcePosition: number, topic = "t", more: Partial<Placed> = {}): Placed {
  return { stream: "all", topic, source: "agents", sourcePosition, eventId: `b0/${sourcePosition}`, ...more };
}

const KEY = "agents b0";

test("the last event that a message was taken of tells of all before it, and of itself which messages", () => {
  const progress = new SourceProgress();
  progress.take(message(5, "one"));
  equal(progress.isThrough(KEY, 4), true);
  equal(progress.isThrough(KEY, 5), false);
  equal(progress.has(KEY, 4, "all", "never made"), true);
  equal(progress.has(KEY, 5, "all", "one"), true);
  equal(progress.has(KEY, 5, "all", "two"), false);
  equal(progress.has(KEY, 5, "other", "one"), false);
  equal(progress.has(KEY, 6, "all", "one"), false);
  equal(progress.has("agents b1", 4, "all", "one"), false);
  progress.take(message(5, "two"));
  equal(progress.has(KEY, 5, "all", "two"), true);
  progress.take(message(7, "one"));
  equal(progress.isThrough(KEY, 5), true);
});

test("what has no place in its source, or is sent once more, tells nothing", () => {
  const progress = new SourceProgress();
  for (const each of [message(0), message(9, "t", { stream: "redrive/all" }), message(9, "t", { stream: "replay/all" })])
    progress.take(each);
  equal(progress.isThrough(KEY, 1), false);
  equal(JSON.stringify(progress.record()), '{"progress":{}}');
});

test("what could not be written is taken back to what is on disk", () => {
  const progress = new SourceProgress();
  progress.take(message(1, "one"));
  progress.sealBatch();
  progress.take(message(1, "two"));
  progress.batchDurable();
  progress.sealBatch();
  progress.take(message(2, "one"));
  progress.rollBack();
  equal(progress.isThrough(KEY, 1), false);
  equal(progress.has(KEY, 1, "all", "one"), true);
  equal(progress.has(KEY, 1, "all", "two"), false);
  equal(progress.has(KEY, 2, "all", "one"), false);
  progress.take(message(1, "two"));
  equal(progress.has(KEY, 1, "all", "two"), true);
});

test("a state that was written and read tells the same", () => {
  const progress = new SourceProgress();
  progress.take(message(1, "one"));
  progress.take(message(1, "__proto__", { source: "__proto__", eventId: "constructor/1" }));
  const read = new SourceProgress();
  read.load(JSON.parse(JSON.stringify(progress.record())) as ReturnType<SourceProgress["record"]>);
  deepEqual(read.record(), progress.record());
  equal(read.has(KEY, 1, "all", "one"), true);
  equal(read.has("__proto__ constructor", 1, "all", "__proto__"), true);
  equal(JSON.stringify(progress.durableRecord()), '{"progress":{},"begun":{}}');
});

test("the boots that wrote longest ago are forgotten", () => {
  const progress = new SourceProgress();
  for (let boot = 0; boot < 4_097; boot += 1) progress.take(message(2, "t", { eventId: `b${boot}/2` }));
  equal(progress.isThrough("agents b0", 1), false);
  equal(progress.isThrough("agents b1", 1), true);
  equal(Object.keys(progress.record().progress).length, 4_096);
});

test("property: over batches, failures and restarts, each message is there once, in order", () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("event" as const), copies: fc.integer({ min: 0, max: 3 }) }) },
    fc.record({ kind: fc.constantFrom("seal" as const, "durable" as const, "fail" as const, "crash" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      // A model of a log: what is on disk, what is in the batch being written, what is in the one after it.
      let disk: string[] = [];
      let writing: string[] | null = null;
      let waiting: string[] = [];
      let progress = new SourceProgress();
      const copies = steps.map((each) => (each.kind === "event" ? each.copies : -1)).filter((count) => count >= 0);
      const all = (): string[] => [...disk, ...(writing ?? []), ...waiting];
      /** Hands in events from one on, as a source that goes back does. */
      const handIn = (from: number, to: number): void => {
        for (let position = from; position <= to; position += 1) {
          for (let copy = 0; copy < (copies[position - 1] ?? 0); copy += 1) {
            if (progress.has(KEY, position, "all", `t${copy}`)) continue;
            waiting.push(`${position} t${copy}`);
            progress.take(message(position, `t${copy}`));
          }
        }
      };
      let given = 0;
      for (const each of steps) {
        if (each.kind === "event") handIn(given + 1, ++given);
        else if (each.kind === "seal" && writing === null) {
          writing = waiting;
          waiting = [];
          progress.sealBatch();
        } else if (each.kind === "durable" && writing !== null) {
          disk = [...disk, ...writing];
          writing = null;
          progress.batchDurable();
        } else if (each.kind === "fail") {
          writing = null;
          waiting = [];
          progress.rollBack();
          handIn(1, given);
        } else if (each.kind === "crash") {
          // The batch that was being written may be on disk in part.
          disk = [...disk, ...(writing ?? []).slice(0, 1)];
          writing = null;
          waiting = [];
          progress = new SourceProgress();
          for (const name of disk) progress.found(message(Number(name.split(" ")[0]), name.split(" ")[1]));
          handIn(1, given);
        }
      }
      const wanted = copies.flatMap((count, index) => Array.from({ length: count }, (_, copy) => `${index + 1} t${copy}`));
      deepEqual(all(), wanted);
      ok(new Set(all()).size === all().length);
    }),
  );
});
