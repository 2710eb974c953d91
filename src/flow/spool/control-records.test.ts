import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { ControlRecords } from "./control-records.ts";

const record = (name: string, value: unknown) => ({ kind: "record", name, value });
const skip = (logSequence: number, code = "SST_DESTINATION_REFUSED") => ({ kind: "skip", lane: "t:0", logSequence, code });

test("the last record about a name or a message counts, and the order is that of the last writing", () => {
  const records = new ControlRecords([record("a", 1), skip(7), record("b", 2), record("a", 3), skip(7, "SST_TOPIC_INVALID")]);
  deepEqual(records.list(), [record("b", 2), record("a", 3), skip(7, "SST_TOPIC_INVALID")]);
  deepEqual(records.names(), ["b", "a"]);
  equal(records.value("a"), 3);
  equal(records.skipCode(7), "SST_TOPIC_INVALID");
  equal(records.skipCode(8), null);
  equal(records.size, 3);
  equal(records.skips, 1);
});

test("null forgets a name, also one that nobody ever kept", () => {
  const records = new ControlRecords([record("a", 1), record("a", null), record("b", null)]);
  deepEqual(records.list(), []);
  deepEqual(records.names(), []);
  equal(records.value("a"), undefined);
  equal(records.bytes, 0);
});

test("names of JavaScript are names like others", () => {
  const records = new ControlRecords([record("__proto__", 1), record("constructor", 2)]);
  deepEqual(records.names(), ["__proto__", "constructor"]);
  equal(records.value("toString"), undefined);
});

test("bytes are those of the records in force", () => {
  const records = new ControlRecords([record("a", "x".repeat(100)), skip(5), record("a", "ü")]);
  equal(records.bytes, Buffer.byteLength(JSON.stringify(record("a", "ü"))) + JSON.stringify(skip(5)).length);
  equal(records.bytesOf("a"), Buffer.byteLength(JSON.stringify(record("a", "ü"))));
  equal(records.bytesOf("b"), 0);
  records.forgetSkips(() => true);
  records.apply(record("a", null));
  equal(records.bytes, 0);
});

test("skips of done messages are forgotten, others stay", () => {
  const records = new ControlRecords([skip(3), record("a", 1), skip(9)]);
  records.forgetSkips((logSequence) => logSequence < 5);
  deepEqual(records.list(), [record("a", 1), skip(9)]);
});

test("what this release doesn't know is carried on as it is", () => {
  const unknown = [{ kind: "later", name: "a" }, { kind: "later", name: "a" }, { kind: "record" }, "text", null];
  deepEqual(new ControlRecords([...unknown, record("a", 1)]).list(), [...unknown, record("a", 1)]);
});
