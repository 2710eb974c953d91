/** The command against files that a driver wrote, a reader that says what a test wants, and logs on disk. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import type { TopicPage } from "../../driver/destination.ts";
import { message, readAll, temporaryFolder } from "../../flow/spool/testing/fixtures.ts";
import { openSpool, RecordedOutput } from "../testing/orphaned-log.ts";
import { KAFKA, registerDestinations, topic } from "./testing/cluster.ts";
import { numbered, type NumberedParts } from "./testing/numbered.ts";
import { runVerify, type VerifyOptions } from "./verify.ts";

before(registerDestinations);

async function verify(over: Partial<VerifyOptions> = {}) {
  const out = new RecordedOutput();
  const status = await runVerify({ target: KAFKA, config: null, data: [], stream: null, json: false, environment: {}, ...over }, out);
  return { status, text: out.out, error: out.error };
}

async function report(over: Partial<VerifyOptions> = {}) {
  const { status, text } = await verify({ ...over, json: true });
  const found = JSON.parse(text) as {
    readonly ok: boolean;
    readonly unverified: readonly string[];
    readonly series: readonly Record<string, unknown>[];
    readonly doubles: readonly unknown[];
  };
  return { status, found, series: found.series[0] ?? {} };
}

function partition(number: number, messages: readonly NumberedParts[], isFromBegin = true): TopicPage {
  return { partition: number, messages: messages.map((parts, offset) => numbered({ offset, ...parts })), isFromBegin, share: 1 };
}

function sequences(...numbers: readonly number[]): NumberedParts[] {
  return numbers.map((sequence) => ({ sequence }));
}

test("a topic that is whole is well: 0", async () => {
  topic.pages = [partition(0, sequences(1, 3, 4)), partition(1, sequences(2, 5))];
  const { status, text } = await verify();
  equal(status, 0);
  match(text, /^instance +stream +log +messages +doubles +holes/);
  match(text, /^okapi-1 +all +log-1 +5 +0 +0 +0 +0 +0 +0 +0$/m);
  match(text, /All well: 5 messages read/);
});

test("holes, doubles and disorder are told one by one: 1", async () => {
  topic.pages = [partition(0, sequences(1, 2, 7, 2, 6)), partition(1, sequences(9))];
  const { status, text } = await verify();
  equal(status, 1);
  match(text, /^all of okapi-1: 4 missing and not explained: 3 to 5, 8\. Name the data folder/m);
  match(text, /^double: all of okapi-1, 2: first at partition 0 offset 1, again at partition 0 offset 3$/m);
  match(text, /^out of order: all of okapi-1, 6 at partition 0 offset 4 is behind/m);
  match(text, /NOT WELL: 1 doubled, 4 missing and not explained, 1 out of order\./);
});

test("what a destination deleted at the beginning is no hole, and what is missing behind it is", async () => {
  topic.pages = [partition(0, sequences(50, 52, 53), false), partition(1, sequences(40, 51, 55), false)];
  const { status, series } = await report();
  equal(status, 1);
  deepEqual([series["first"], series["deleted"], series["holes"], series["unexplainedFirst"]], [40, 48, 1, [{ from: 54, to: 54 }]]);
  match((await verify()).text, /all of okapi-1 begins at 40: 48 earlier messages may have been deleted/);
});

test("replays are counted apart and are no doubles; others' messages and other streams are told", async () => {
  topic.pages = [partition(0, [...sequences(1, 2), { sequence: 1, replay: true }, { sequence: 1, stream: "other" }])];
  topic.notices = ["the topic is compacted"];
  const { status, text } = await verify({ stream: "all" });
  topic.notices = [];
  equal(status, 0);
  match(text, /^okapi-1 +all +log-1 +2 .* 1$/m);
  match(text, /^1 message of other streams\.$/m);
  match(text, /^note: the topic is compacted$/m);
});

/** A data folder whose log `out` numbered five messages: delivered, dead, dropped, waiting, waiting. */
async function logOfFive(context: TestContext): Promise<{ data: string; logId: string }> {
  const data = temporaryFolder(context);
  const spool = await openSpool(data, ["out"]);
  const log = spool.logs.get("out");
  const deadLetters = spool.deadLetters.get("out");
  ok(log !== undefined && deadLetters !== undefined);
  for (const sequence of [1, 2, 3, 4, 5]) {
    const { headers, value, key } = numbered({ sequence, logId: log.logId });
    log.append(message(`m${sequence}`, { stream: "all", topic: "users", headers, key, value: value ?? Buffer.alloc(0) }), true);
    await log.flush();
  }
  const [first, second, third] = await readAll(log);
  ok(first !== undefined && second !== undefined && third !== undefined);
  await deadLetters.add(second, "SST_DESTINATION_REFUSED", "too large");
  const done = (each: typeof first) => ({
    logSequence: each.logSequence,
    stream: each.stream,
    tenant: each.tenant,
    frameBytes: each.frameBytes,
  });
  await log.confirm([
    { ...done(first), lane: "0", outcome: "delivered", reason: null },
    { ...done(second), lane: "0", outcome: "dead", reason: "SST_DESTINATION_REFUSED" },
    { ...done(third), lane: null, outcome: "dropped", reason: "drop-oldest" },
  ]);
  const { logId } = log;
  await spool.close();
  return { data, logId };
}

test("holes are explained by dead letters and by what waits; what was dropped is told beside those that stay", async (t) => {
  const { data, logId } = await logOfFive(t);
  topic.pages = [partition(0, [{ sequence: 1, logId }])];
  const { status, series } = await report({ data: [data] });
  equal(status, 1);
  deepEqual(
    ["holes", "dead", "pending", "unexplained", "unexplainedFirst", "dropped"].map((name) => series[name]),
    [4, 1, 2, 1, [{ from: 3, to: 3 }], { "drop-oldest": 1 }],
  );
  const { text } = await verify({ data: [data] });
  match(text, /^all of okapi-1: not delivered yet: 2\.$/m);
  match(text, /^all of okapi-1: 1 missing and not explained: 3\.$/m);
  match(text, /its log gave up messages of this stream: 1 drop-oldest\. The number fits what is missing\.$/m);
});

test("the last messages of a log are missed too, where its folder is known", async (t) => {
  const { data, logId } = await logOfFive(t);
  topic.pages = [
    partition(
      0,
      [2, 3, 4].map((sequence) => ({ sequence, logId })),
    ),
  ];
  deepEqual((await report()).series["unexplainedFirst"], [{ from: 1, to: 1 }]);
  const { status, series } = await report({ data: [data] });
  equal(status, 1);
  deepEqual([series["pending"], series["unexplainedFirst"]], [1, [{ from: 1, to: 1 }]]);
});

test("dead letters that came after all fill their holes, and where they stand says nothing", async () => {
  const sequences = [1, 3, 4, 5];
  topic.pages = [partition(0, [...sequences.map((sequence) => ({ sequence })), { sequence: 2, redriven: true }])];
  const { status, series } = await report();
  equal(status, 0);
  deepEqual([series["outOfOrder"], series["redriven"], series["holes"]], [0, 1, 0]);
  match((await verify()).text, /^all of okapi-1: 1 dead letter came after all \(redrive\), behind later messages of its key\.$/m);
});

test("what the log numbered after it was looked at is no hole", async (t) => {
  const { data, logId } = await logOfFive(t);
  topic.pages = [
    partition(
      0,
      [1, 2, 3, 4, 5, 7].map((sequence) => ({ sequence, logId })),
    ),
  ];
  equal((await report({ data: [data] })).status, 0);
  equal((await report()).status, 1);
});

test("files are read in the order in which they were written, a torn line left out", async (t) => {
  const folder = temporaryFolder(t);
  const lines = (...numbers: readonly number[]): string => numbers.map((sequence) => `${String(numbered({ sequence }).value)}\n`).join("");
  writeFileSync(join(folder, "users.jsonl"), `${lines(6, 7)}{"torn`);
  writeFileSync(join(folder, "users.20260102T000000Z-2.jsonl"), lines(4, 5));
  writeFileSync(join(folder, "users.20260102T000000Z-1.jsonl"), lines(3));
  writeFileSync(join(folder, "users.20260101T000000Z-1.jsonl"), lines(2));
  writeFileSync(join(folder, "users.other.jsonl"), lines(1, 1));
  const { status, series } = await report({ target: `file:${folder}/users` });
  equal(status, 0);
  deepEqual([series["first"], series["messages"], series["deleted"], series["doubles"]], [2, 6, 1, 0]);
});

test("a destination of a configuration is read with its options, and the data folder of it is looked at", async (t) => {
  const { data, logId } = await logOfFive(t);
  const folder = temporaryFolder(t);
  const config = join(folder, "sidestream.yaml");
  mkdirSync(join(folder, "out"));
  writeFileSync(join(folder, "out", "users.jsonl"), `${String(numbered({ sequence: 1, logId }).value)}\n`);
  writeFileSync(config, `version: 1\ndata: ${data}\ndestinations:\n  files: { type: file, path: out }\n`);
  const { series } = await report({ target: "files:users", config });
  deepEqual([series["dead"], series["pending"], series["dataFolder"]], [1, 2, data]);
  await rejects(report({ target: "fils:users", config }), {
    code: "SST_COMMAND_INVALID",
    message: 'no destination is named "fils"; did you mean files?',
  });
  await rejects(report({ target: "files", config }), {
    code: "SST_COMMAND_INVALID",
    message: /expected .* DESTINATION:TOPIC, found "files"/,
  });
});

test("a target that is none is told at its place, and no password is repeated", async () => {
  const told = async (target: string, text: RegExp) => rejects(verify({ target }), (error: Error) => (match(error.message, text), true));
  await told("users", /^TARGET:1:1: expected kafka:\/\/HOST:PORT\/TOPIC, file:DIR\/TOPIC or, with --config, DESTINATION:TOPIC\n.*--config/);
  await told("kafka://127.0.0.1:9092", /^TARGET:1:23: the topic is missing/);
  await told("kafka://127.0.0.1/users", /^TARGET:1:9: expected HOST:PORT/);
  await told("kafka://127.0.0.1:9092/users-{tenant}", /^TARGET:1:1: expected one topic/);
  await told("file:/", /^TARGET:1:6: expected a folder after file:/);
  await told("file:users", /^TARGET:1:11: expected file:DIR\/TOPIC/);
  await rejects(verify({ target: "kafka://me:secret@127.0.0.1:9092/users" }), (error: Error) => !error.message.includes("secret"));
});

test("a folder that is no data folder is refused before anything is read", async (t) => {
  await rejects(verify({ data: [temporaryFolder(t)] }), { code: "SST_DATA_MISSING" });
});
