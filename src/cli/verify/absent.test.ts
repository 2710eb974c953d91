/** What is told where there is nothing, or too little, to go by: "all well" is never among it. */
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import type { TopicPage } from "../../driver/destination.ts";
import { message, readAll, temporaryFolder } from "../../flow/spool/testing/fixtures.ts";
import type { Confirmation } from "../../flow/spool/spooled.ts";
import { openSpool, RecordedOutput } from "../testing/orphaned-log.ts";
import { KAFKA, registerDestinations, topic } from "./testing/cluster.ts";
import { numbered, type NumberedParts } from "./testing/numbered.ts";
import { runVerify, type VerifyOptions } from "./verify.ts";

before(registerDestinations);
/** Sent to `users` by one log, `done` telling how each left it, in order; those that are left wait. */
interface Sent {
  readonly log?: string;
  readonly stream?: string;
  readonly topic?: string;
  readonly count: number;
  readonly done?: readonly (string | null)[];
}

async function verify(over: Partial<VerifyOptions> = {}) {
  const options = { target: KAFKA, config: null, data: [], stream: null, environment: {}, ...over };
  const [people, programs] = [new RecordedOutput(), new RecordedOutput()];
  const status = await runVerify({ ...options, json: false }, people);
  equal(await runVerify({ ...options, json: true }, programs), status);
  const found = JSON.parse(programs.out) as {
    readonly ok: boolean;
    readonly unverified: readonly string[];
    readonly series: readonly Record<string, unknown>[];
    readonly notices: readonly string[];
  };
  equal(found.ok, status === 0);
  return { status, text: people.out, found };
}

function partition(messages: readonly NumberedParts[], isFromBegin = true): TopicPage {
  return { partition: 0, messages: messages.map((parts, offset) => numbered({ offset, ...parts })), isFromBegin, share: 1 };
}

function sequences(count: number, over: Partial<NumberedParts> = {}): NumberedParts[] {
  return Array.from({ length: count }, (_, index) => ({ sequence: index + 1, ...over }));
}

/** A data folder whose logs numbered what is told, all of it delivered unless told otherwise. */
async function dataFolder(context: TestContext, sent: readonly Sent[]): Promise<{ data: string; logIds: Record<string, string> }> {
  const data = temporaryFolder(context);
  const names = [...new Set(sent.map(({ log = "out" }) => log))];
  const spool = await openSpool(data, names);
  for (const { log: name = "out", stream = "all", topic: to = "users", count } of sent) {
    const log = spool.logs.get(name);
    for (let sequence = 1; sequence <= count; sequence += 1) {
      const { headers, value, key } = numbered({ sequence, stream, logId: log?.logId ?? "" });
      log?.append(message(`${stream}${sequence}`, { stream, topic: to, headers, key, value: value ?? Buffer.alloc(0) }), true);
      await log?.flush();
    }
  }
  for (const name of names) {
    const log = spool.logs.get(name);
    ok(log !== undefined);
    const of = sent.filter((each) => (each.log ?? "out") === name);
    const done = of.flatMap(({ count, done: told }) =>
      Array.from({ length: count }, (_, index) => (told === undefined ? null : told[index])),
    );
    const confirmations = (await readAll(log)).flatMap(({ logSequence, stream, tenant, frameBytes }, index): Confirmation[] => {
      const reason = done[index];
      if (reason === undefined) return [];
      return [
        {
          logSequence,
          stream,
          tenant,
          frameBytes,
          lane: reason === null ? "0" : null,
          outcome: reason === null ? "delivered" : "dropped",
          reason,
        },
      ];
    });
    await log.confirm(confirmations);
  }
  const logIds = Object.fromEntries([...spool.logs].map(([name, { logId }]) => [name, logId]));
  await spool.close();
  return { data, logIds };
}

function configuration(context: TestContext, data: string, destinations = "kafka1: { type: kafka, brokers: ['127.0.0.1:9092'] }"): string {
  const config = join(temporaryFolder(context), "sidestream.yaml");
  writeFileSync(config, `version: 1\ndata: ${data}\ndestinations:\n  ${destinations}\n`);
  return config;
}

test("a topic that was emptied misses all that its log delivered to it", async (t) => {
  const { data } = await dataFolder(t, [{ log: "kafka1", count: 5 }]);
  const config = configuration(t, data);
  topic.pages = [partition([])];
  const { status, text, found } = await verify({ target: "kafka1:users", config });
  equal(status, 1);
  match(text, /^all of log kafka1 in .*: none of the 5 messages that the log numbered for this topic is here\.$/m);
  match(text, /^all of log kafka1 in .*: 5 missing and not explained: 1 to 5\. Was the topic emptied/m);
  match(text, /NOT WELL: 0 doubled, 5 missing/);
  deepEqual(
    found.series.map(({ instance, stream, messages, holes, unexplained }) => [instance, stream, messages, holes, unexplained]),
    [[null, "all", 0, 5, 5]],
  );
});

test("a stream that is missing as a whole is missed beside others of its log, and what goes to other topics isn't", async (t) => {
  const { data, logIds } = await dataFolder(t, [{ count: 2 }, { stream: "loans", count: 3 }, { stream: "fees", topic: "fees", count: 4 }]);
  topic.pages = [partition(sequences(2, { logId: logIds["out"] ?? "" }))];
  const { status, text, found } = await verify({ data: [data] });
  equal(status, 1);
  deepEqual(
    found.series.map(({ stream, unexplained }) => [stream, unexplained]),
    [
      ["all", 0],
      ["loans", 3],
    ],
  );
  doesNotMatch(text, /fees/);
  equal((await verify({ data: [data], stream: "all" })).status, 0);
  equal((await verify({ data: [data], stream: "loans" })).status, 1);
});

test("what only waits is explained, also where nothing was delivered yet", async (t) => {
  const { data } = await dataFolder(t, [{ log: "kafka1", count: 3, done: [] }]);
  topic.pages = [partition([])];
  const { status, text } = await verify({ target: "kafka1:users", config: configuration(t, data) });
  equal(status, 0, text);
  match(text, /not delivered yet: 3\.$/m);
});

test("what the destination may have deleted can't be told from what is missing, and isn't well", async (t) => {
  const { data } = await dataFolder(t, [{ log: "kafka1", count: 5 }]);
  topic.pages = [partition([], false)];
  const { status, text, found } = await verify({ target: "kafka1:users", config: configuration(t, data) });
  equal(status, 1);
  match(text, /none of the 5 messages .* is here; 5 of them neither dead nor waiting: they were deleted there since/);
  match(text, /^NOT VERIFIED: of 1 stream nothing is here, and nothing tells whether it ever was\.$/m);
  deepEqual([found.series[0]?.["unexplained"], found.series[0]?.["undecided"]], [0, 5]);
});

test("an address doesn't tell which log writes there: that is said, and how it is decided", async (t) => {
  const { data } = await dataFolder(t, [{ count: 5 }]);
  topic.pages = [partition([])];
  const { status, text } = await verify({ data: [data] });
  equal(status, 1);
  match(text, /they are missing, or the log is of another destination .* DESTINATION:TOPIC with --config/);
  match(text, /^NOT VERIFIED/m);
});

test("the log of another destination with a topic of this name is no alarm, and without a configuration a note", async (t) => {
  const { data, logIds } = await dataFolder(t, [
    { log: "kafka1", count: 2 },
    { log: "files", count: 4 },
  ]);
  topic.pages = [partition(sequences(2, { logId: logIds["kafka1"] ?? "" }))];
  const { status, text } = await verify({ data: [data] });
  equal(status, 0);
  match(text, /^note: log files in .* numbered 4 messages for a topic users, and none of them is here/m);
  match(text, /^Well, as far as can be told \(see the notes\): 2 messages read/m);
  const both = "kafka1: { type: kafka, brokers: ['127.0.0.1:9092'] }\n  files: { type: file, path: out }";
  const config = configuration(t, data, both);
  for (const target of ["kafka1:users", KAFKA]) {
    const named = await verify({ target, config });
    match(named.text, /^All well: 2 messages read/m);
    doesNotMatch(named.text, /note:/);
  }
});

test("replays from another destination's log don't make it one that writes here", async (t) => {
  const { data, logIds } = await dataFolder(t, [{ log: "kafka2", count: 5 }]);
  topic.pages = [partition([...sequences(2), { sequence: 3, logId: logIds["kafka2"] ?? "", replay: true }])];
  const both = "kafka1: { type: kafka, brokers: ['127.0.0.1:9092'] }\n  kafka2: { type: kafka, brokers: ['127.0.0.1:9093'] }";
  const { status, text } = await verify({ target: "kafka1:users", config: configuration(t, data, both) });
  equal(status, 0, text);
});

test("a stream that isn't there is said so, with the one that was probably meant: 1", async (t) => {
  const { data } = await dataFolder(t, [{ stream: "fees", topic: "fees", count: 1 }]);
  topic.pages = [partition([...sequences(2, { stream: "users-audit" }), { sequence: 1, stream: "loans" }])];
  const { status, text, found } = await verify({ stream: "users-adit" });
  equal(status, 1);
  match(text, /^NOT VERIFIED: users has no message of stream users-adit; did you mean users-audit\? It has loans, users-audit\.$/m);
  equal(found.unverified.length, 1);
  match((await verify({ stream: "feess", data: [data] })).text, /; did you mean fees\?/);
  match((await verify({ stream: "fees", data: [data] })).text, /no message of stream fees, though a log has it for other topics\. It has/);
});

test("where nothing carries a number, or nothing is there, nothing is verified: 1", async () => {
  const garbage = [0, 1].map((offset) => ({ offset, key: "", headers: [], value: Buffer.from("garbage") }));
  topic.pages = [{ partition: 0, messages: garbage, isFromBegin: true, share: 1 }];
  const { status, text } = await verify();
  equal(status, 1);
  match(
    text,
    /^NOT VERIFIED: no message in users carries Sidestream's numbers, so that nothing can be verified\. Is it the right topic\?$/m,
  );
  topic.pages = [partition([])];
  equal((await verify()).status, 1);
  match((await verify()).text, /^NOT VERIFIED: users has no messages: there is nothing to verify\.$/m);
  topic.pages = [partition(sequences(2, { replay: true }))];
  equal((await verify()).status, 1);
  match((await verify()).text, /^NOT VERIFIED: users has nothing but replays/m);
});

test("a file that is empty, or a line without its end, is not well", async (t) => {
  const folder = temporaryFolder(t);
  const target = `file:${folder}/users`;
  writeFileSync(join(folder, "users.jsonl"), "");
  equal((await verify({ target })).status, 1);
  writeFileSync(join(folder, "users.jsonl"), String(numbered({ sequence: 1 }).value));
  const { status, text } = await verify({ target });
  equal(status, 1);
  match(text, /^note: .*users\.jsonl ends within a line, which is left out/m);
  match(text, /^NOT VERIFIED: users has no messages/m);
});

test("what a log gave up is set beside the holes that there are: none, as many, fewer, more", async (t) => {
  const dropped = ["discarded", "discarded", null, null];
  const { data, logIds } = await dataFolder(t, [{ log: "kafka1", count: 4, done: dropped }]);
  const options = { data: [data] };
  const there = (...numbers: readonly number[]) => [partition(numbers.map((sequence) => ({ sequence, logId: logIds["kafka1"] ?? "" })))];
  topic.pages = there(1, 2, 3, 4);
  const none = await verify(options);
  equal(none.status, 0);
  match(none.text, /its log gave up messages of this stream: 2 discarded\. No hole here is left for them: they were sent all the same\.$/m);
  topic.pages = there(3, 4);
  match((await verify(options)).text, /: 2 discarded\. The number fits what is missing\.$/m);
  topic.pages = there(4);
  match((await verify(options)).text, /: 2 discarded\. They may be among the missing; at least 1 are not explained by that\.$/m);
  topic.pages = there(1, 3, 4);
  match((await verify(options)).text, /: 2 discarded\. They may be what is missing\.$/m);
});

test("what was given up may have been for other topics, where the stream has others", async (t) => {
  const { data, logIds } = await dataFolder(t, [{ count: 2 }, { topic: "other", count: 1, done: ["discarded"] }]);
  topic.pages = [partition(sequences(2, { logId: logIds["out"] ?? "" }))];
  const { text } = await verify({ data: [data] });
  match(
    text,
    /of this stream, of whatever topic: 1 discarded\. No hole here is left for them: they were for other topics, or sent all the same\.$/m,
  );
});

test("an address is taken with a configuration, which tells the data folder; so is a destination that is called file", async (t) => {
  const { data, logIds } = await dataFolder(t, [{ log: "file", count: 3, done: [null] }]);
  const config = configuration(t, data, "file: { type: file, path: out }");
  const folder = join(config, "..", "out");
  mkdirSync(folder);
  writeFileSync(join(folder, "users.jsonl"), `${String(numbered({ sequence: 1, logId: logIds["file"] ?? "" }).value)}\n`);
  for (const target of [`file:${folder}/users`, "file:users"]) {
    const { status, found } = await verify({ target, config });
    equal(status, 0);
    deepEqual([found.series[0]?.["pending"], found.series[0]?.["dataFolder"]], [2, data]);
  }
});

test("names that others wrote reach no terminal as they are", async () => {
  topic.pages = [partition([{ sequence: 1, stream: "a\u001b[31m" }])];
  doesNotMatch((await verify()).text, /\p{Cc}(?<!\n)/u);
  doesNotMatch((await verify({ stream: "b" })).text, /\p{Cc}(?<!\n)/u);
});
