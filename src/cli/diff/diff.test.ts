import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { configFolder } from "../../config/testing/config-folder.ts";
import { registerFakeDrivers } from "../../config/testing/fake-drivers.ts";
import { ContentValues } from "../../flow/content/pointers.ts";
import type { IdentifiedEvent } from "../../flow/event.ts";
import { body, JSON_TYPE, maker, transactionEvent } from "../../flow/message/testing/messages.ts";
import { RecordedOutput } from "../testing/orphaned-log.ts";
import { runDiff, type DiffOptions } from "./run-diff.ts";
import { SAMPLES_MAX } from "./tally.ts";

before(() => registerFakeDrivers());

const OLD = `stream: users
tenants: all
rules:
  - METHOD=POST AND STATUS=201 , publish , k:{tenant}.users
`;
const SHAPE = { redact: [], keep: null, body: { bytesMax: 900 * 1024, types: ["json", "text"] as const } };

interface Given {
  readonly id: string;
  readonly method?: string;
  readonly status?: number;
  readonly tenant?: string;
  readonly headers?: readonly string[];
  readonly json?: unknown;
}

/** As the event log has it. */
function line({ id, method = "POST", status = 201, tenant = "diku", headers = [], json = { name: "Ada" } }: Given): Buffer {
  const event: IdentifiedEvent = {
    ...transactionEvent(
      { method, status, target: "/users", requestHeaders: [...JSON_TYPE, ...headers], requestBody: body(JSON.stringify(json)) },
      { tenant },
    ),
    id,
    timeMs: Date.now(),
  };
  const made = maker();
  return made.makeEvent(made.prepare(event, new ContentValues(event, { decodedBytesMax: 1024 * 1024 })), SHAPE);
}

interface Site {
  readonly folder: string;
  readonly events: string;
}

/** A data folder with events, and descriptors beside it. */
function site(context: TestContext, given: readonly Given[], files: Readonly<Record<string, string>> = {}): Site {
  const folder = configFolder(context, { "old.yaml": OLD, ...files });
  mkdirSync(join(folder, "data", "spool"), { recursive: true });
  mkdirSync(join(folder, "data", "events"));
  const events = join(folder, "data", "events", `${String(Date.now()).padStart(16, "0")}.jsonl`);
  writeFileSync(events, given.map((each) => `${line(each).toString()}\n`).join(""));
  return { folder, events };
}

interface Result {
  readonly status: number;
  readonly out: string;
  readonly told: string;
}

async function run({ folder }: Site, over: Partial<DiffOptions> = {}): Promise<Result> {
  const out = new RecordedOutput();
  const options: DiffOptions = {
    before: join(folder, "old.yaml"),
    after: join(folder, "new.yaml"),
    data: join(folder, "data"),
    events: null,
    sinceMs: Date.now() - 3_600_000,
    stream: null,
    env: null,
    wider: false,
    json: false,
    environment: {},
  };
  const status = await runDiff({ ...options, ...over }, out);
  return { status, out: out.out.replaceAll(`${folder}/`, ""), told: out.error };
}

interface Told {
  readonly events: number;
  readonly alike: readonly string[];
  readonly streams: readonly {
    readonly added: number;
    readonly gone: number;
    readonly changed: number;
    readonly same: number;
    readonly samples: readonly { readonly parts: readonly unknown[] }[];
  }[];
  readonly unknown: { readonly events: number; readonly rules: readonly object[] };
  readonly keptOut: readonly object[];
  readonly left: object;
}

async function told(from: Site, over: Partial<DiffOptions> = {}): Promise<Told> {
  const { out } = await run(from, { ...over, json: true });
  return JSON.parse(out) as Told;
}

const configuration = (...streams: readonly string[]): string =>
  `version: 1\nenabled: true\ndata: ./data\ndestinations: { k: { type: file, path: ./out } }\nstreams: [ ${streams.join(", ")} ]\n`;

const counts = ({ streams }: Told): readonly (readonly number[])[] =>
  streams.map(({ added, gone, changed, same }) => [added, gone, changed, same]);

test("what a changed rule adds, and what it loses, is counted and shown", async (context) => {
  const from = site(context, [{ id: "1" }, { id: "2", status: 400 }, { id: "3", method: "GET", status: 200 }], {
    "new.yaml": OLD.replace("STATUS=201", "STATUS=4*"),
  });
  const { status, out } = await run(from);
  equal(status, 1);
  const lines = out.split("\n");
  match(lines[0] ?? "", /^3 events of the event log in data, from \d{4}-.+Z to \d{4}-.+Z$/);
  deepEqual(lines.slice(1, 11), [
    "old: old.yaml, new: new.yaml",
    "",
    "This would change. Messages: 1 before, 1 after: 1 added, 1 gone, 0 changed, 0 as before.",
    "",
    "stream  target        added  gone  changed  same",
    "users   k:diku.users      1     1        0     0",
    "",
    "side  stream  rule    messages",
    "old   users   rule 1         1",
    "new   users   rule 1         1",
  ]);
  match(out, /\n {2}gone {2}\S+Z {2}diku {2}POST \/users {2}from k:diku\.users by rule 1, event 1\n/);
  match(out, /\n {2}added {2}\S+Z {2}diku {2}POST \/users {2}to k:diku\.users by rule 1, event 2\n/);
});

/** The fenced blocks of a page, in order. */
function blocksOf(page: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, "../../../docs", page), "utf8");
  return [...text.slice(text.indexOf("## What would change")).matchAll(/```\w+\n([^]*?)```/g)].map(([, block = ""]) => block);
}

test("the page shows what the command prints", async (context) => {
  const [old = "", changed = "", , printed = "", , wider = ""] = blocksOf("event-log.md");
  const from = site(context, [{ id: "e-1" }, { id: "e-2", status: 400 }, { id: "e-3", status: 500 }], {
    "users.yaml": old,
    "users-new.yaml": changed,
  });
  const untimed = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME").replace("./sidestream-data", "data");
  const before = join(from.folder, "users.yaml");
  equal(untimed((await run(from, { before, after: join(from.folder, "users-new.yaml") })).out), untimed(printed));
  ok((await run(from, { before, after: before, wider: true })).out.endsWith(wider));
});

test("the same rules change nothing, whatever is written around them", async (context) => {
  const from = site(context, [{ id: "1" }, { id: "2", status: 400 }], { "new.yaml": `# A comment.\n${OLD}`, "same.yaml": OLD });
  const { status, out } = await run(from);
  equal(status, 0);
  match(out, /\nNothing would change\. Messages: 1 before, 1 after: 0 added, 0 gone, 0 changed, 1 as before\.\n$/);
  const same = { after: join(from.folder, "same.yaml") };
  deepEqual((await told(from, same)).alike, ["users"]);
  match((await run(from, same)).out, /\nNothing would change: there is no stream that differs\.\n$/);
});

test("topic, key, headers and content that change are told", async (context) => {
  const to = OLD.replace("{tenant}.users", "all.users").replace(
    "tenants: all",
    'tenants: all\nkey: "{method}"\nheaders: { x-kind: "{method}" }\nredact: [ request.body/name ]',
  );
  const from = site(context, [{ id: "1" }], { "new.yaml": to });
  const { out } = await run(from);
  match(out, /topic: "diku\.users" becomes "all\.users"/);
  match(out, /key: ".*" becomes "POST"/);
  match(out, /header x-kind: nothing becomes "POST"/);
  match(out, /\/data\/request\/body\/name\n/);
  deepEqual(counts(await told(from)), [[0, 0, 1, 0]]);
});

test("a rule that another one takes the place of leaves the message as it was", async (context) => {
  const from = site(context, [{ id: "1" }], {
    "new.yaml": OLD.replace("rules:", "rules:\n  - METHOD=GET , publish , k:other"),
  });
  deepEqual(counts(await told(from)), [[0, 0, 0, 1]]);
});

test("rules in shadow send nothing; live they add", async (context) => {
  const shadow = `stream: users\ntenants: all\nrules:\n  - { select: METHOD=GET, action: publish, target: "k:reads", mode: shadow }\n`;
  const from = site(context, [{ id: "1", method: "GET" }], { "old.yaml": shadow, "new.yaml": shadow.replace(", mode: shadow", "") });
  deepEqual(counts(await told(from)), [[1, 0, 0, 0]]);
});

test("an event that doesn't tell what a rule asks for is no no: it is told, with why", async (context) => {
  const from = site(context, [{ id: "1", headers: ["x-okapi-token", "geheim"] }, { id: "2" }], {
    "new.yaml": OLD.replace("STATUS=201", "x-okapi-token=geheim"),
  });
  const { out } = await run(from);
  match(out, /Of 1 event it can't be told/);
  match(out, /\nnew {3}users {3}rule 1 +1 {2}it was removed from the message\n/);
  const same = await run(
    site(context, [{ id: "1", method: "GET", headers: ["x-okapi-token", "geheim"] }], {
      "new.yaml": OLD.replace("METHOD=POST AND STATUS=201", "x-okapi-token=geheim"),
    }),
  );
  equal(same.status, 0);
  match(same.out, /Nothing would change, as far as can be told: see below\./);
});

test("with --wider the term is told that alone keeps events out", async (context) => {
  const from = site(context, [{ id: "1" }, { id: "2", status: 400 }, { id: "3", status: 500 }, { id: "4", status: 500, method: "GET" }], {
    "new.yaml": OLD.replace("rules:", "rules:\n  - STATUS=500 , publish , k:errors"),
  });
  const { keptOut, alike } = await told(from, { wider: true });
  deepEqual(alike, []);
  deepEqual(keptOut, [{ stream: "users", rule: 2, term: 1, events: 2, nobodys: 1, text: "STATUS=201", targets: ["k:{tenant}.users"] }]);
  match((await run(from, { wider: true })).out, /\nusers {3}rule 2 {7}2 {9}1 {2}STATUS=201\n/);
});

test("a term keeps nothing out of a stream that ignores the event anyway", async (context) => {
  const ignoring = `${OLD}  - PATH=/users , ignore\n`;
  const from = site(context, [{ id: "1", status: 400 }], { "new.yaml": ignoring });
  deepEqual((await told(from, { wider: true })).keptOut, []);
});

test("streams that come and go count with all their messages, and --stream chooses one", async (context) => {
  const from = site(context, [{ id: "1" }], {
    "a.yaml": OLD.replace("stream: users", "stream: a"),
    "b.yaml": OLD.replace("stream: users", "stream: b"),
    "c.yaml": OLD.replace("stream: users", "stream: c"),
    "old-all.yaml": configuration("a.yaml", "b.yaml"),
    "new-all.yaml": configuration("b.yaml", "c.yaml"),
  });
  const sides = { before: join(from.folder, "old-all.yaml"), after: join(from.folder, "new-all.yaml"), data: null };
  const both = await told(from, sides);
  deepEqual(
    [both.alike, counts(both)],
    [
      ["b"],
      [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
      ],
    ],
  );
  deepEqual(counts(await told(from, { ...sides, stream: "c" })), [[1, 0, 0, 0]]);
  await rejects(run(from, { ...sides, stream: "d" }), /there is no stream "d" on either side/);
});

test("the same streams under other limits are no such streams", async (context) => {
  const from = site(context, [{ id: "1", json: { text: "x".repeat(20_000) } }], {
    "a.yaml": configuration("old.yaml"),
    "b.yaml": `${configuration("old.yaml")}limits: { messageBytesMax: 16KiB }\n`,
  });
  const both = await told(from, { before: join(from.folder, "a.yaml"), after: join(from.folder, "b.yaml"), data: null });
  deepEqual([both.alike, counts(both)], [[], [[0, 0, 1, 0]]]);
});

test("only events of the time that is asked for count", async (context) => {
  const from = site(context, [{ id: "1" }], { "new.yaml": OLD });
  await rejects(run(from, { sinceMs: Date.now() + 60_000 }), {
    code: "SST_COMMAND_INVALID",
    message: /has no event in this time.+keepEvents/,
  });
  equal((await told(from, { data: null, events: from.events, sinceMs: null })).events, 1);
});

test("what can't be read is left out and told; where nothing can, that is an error", async (context) => {
  const from = site(context, [{ id: "1" }], { "new.yaml": OLD.replace("STATUS=201", "STATUS=202") });
  appendFileSync(from.events, `no JSON\n{"specversion":"1.0"}\n\n${line({ id: "2" }).toString().slice(0, 300)}`);
  const { out } = await run(from);
  match(out, /2 lines left out that can't be read, the first: it is not JSON\n/);
  match(out, /300 B at the end of a file left out: half an event/);
  writeFileSync(from.events, "no JSON\n");
  await rejects(run(from), /has no event in this time that can be read; of the first of 1 line: it is not JSON/);
  await rejects(run(from, { data: join(from.folder, "nowhere") }), { code: "SST_DATA_MISSING" });
  await rejects(run(from, { data: null }), /say where the events are/);
  for (const events of [join(from.folder, "none.jsonl"), from.folder])
    await rejects(run(from, { events }), /--events .+: there is no such file/);
});

test("what events say reaches a terminal as text alone, and samples are few", async (context) => {
  const given = Array.from({ length: 20 }, (_, index) => ({ id: `\u001b[31m${index}\u202e`, tenant: "diku" }));
  const from = site(context, given, { "new.yaml": OLD.replace("STATUS=201", "STATUS=202") });
  const { out } = await run(from);
  // oxlint-disable-next-line no-control-regex -- that is what may not be there
  ok(!/[\u0000-\u0009\u000b-\u001f\u202e]/.test(out));
  equal((await told(from)).streams[0]?.samples.length, SAMPLES_MAX);
});

test("rules that are wrong are told as by validate, of either side", async (context) => {
  const from = site(context, [{ id: "1" }], { "new.yaml": OLD.replace("STATUS=201", "STATUS>x") });
  await rejects(run(from), /new\.yaml:4/);
  await rejects(run(from, { after: join(from.folder, "none.yaml") }), /none\.yaml/);
});
