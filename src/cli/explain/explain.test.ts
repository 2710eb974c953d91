import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { configFolder } from "../../config/testing/config-folder.ts";
import { registerFakeDrivers } from "../../config/testing/fake-drivers.ts";
import { ContentValues } from "../../flow/content/pointers.ts";
import { maker, makeMessage, transactionEvent } from "../../flow/message/testing/messages.ts";
import { delivered, message, readAll } from "../../flow/spool/testing/fixtures.ts";
import { openSpool, RecordedOutput } from "../testing/orphaned-log.ts";
import { runExplain, type ExplainOptions } from "./run-explain.ts";

before(() => registerFakeDrivers());

const USERS = `stream: users
rules:
  - METHOD=POST AND (x-okapi-token=geheim OR request.body/password=x) AND PATH=/users , publish , k:{env}.{tenant}.users
  - x-a=2 , ignore
  - METHOD=POST , publish , k:dev.diku.users
  - METHOD=POST , publish , k:{module}
`;
const EVENT = `tenant: diku
METHOD: POST
PATH: /users
x-okapi-token: geheim
request.body: { id: u1, password: geheim }
`;

interface Result {
  readonly status: number;
  readonly out: string;
  readonly told: string;
}

async function* inputOf(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

async function run(folder: string, over: Partial<ExplainOptions>, input = ""): Promise<Result> {
  const out = new RecordedOutput();
  const none = { files: [], config: null, env: null, event: null, id: null, destination: null, data: null, stream: null, rule: null };
  const status = await runExplain({ ...none, json: false, environment: {}, ...over }, inputOf(input), out);
  return { status, out: out.out, told: out.error.replaceAll(`${folder}/`, "") };
}

function site(context: TestContext, files: Readonly<Record<string, string>> = {}): { readonly folder: string; readonly users: string } {
  const folder = configFolder(context, { "users.yaml": USERS, "event.yaml": EVENT, ...files });
  return { folder, users: join(folder, "users.yaml") };
}

test("each rule is explained term by term, and what results is shown", async (context) => {
  const { folder, users } = site(context);
  const { status, out } = await run(folder, { files: [users], event: join(folder, "event.yaml") });
  equal(status, 0);
  const lines = out.split("\n");
  deepEqual(lines.slice(0, 17), [
    "transaction POST /users: event test-event of the tenant diku, from test",
    "",
    "stream users",
    "  rule 1 (publish k:{env}.{tenant}.users) holds: k:dev.diku.users",
    "    true     AND",
    '    true       METHOD=POST   (it is "POST")',
    "    true       OR",
    "    true         x-okapi-token=geheim   (removed)",
    "    false        request.body/password=x   (removed)",
    '    true       PATH=/users   (it is "/users")',
    "  rule 2 (ignore) doesn't hold",
    "    false    x-a=2   (it is absent)",
    "  rule 3 (publish k:dev.diku.users) holds: k:dev.diku.users is repeated, since an earlier rule of the stream made a message for this topic",
    '    true     METHOD=POST   (it is "POST")',
    "  rule 4 (publish k:{module}) holds: k:{module} is dead, since the event has no value for {module} of the topic",
    '    true     METHOD=POST   (it is "POST")',
    "  message of rule 1 to k:dev.diku.users",
  ]);
  match(out, /^ {4}delivery {2}at-least-once\n {4}key {7}diku\/u1\n {4}header {4}content-type: application\/cloudevents\+json/m);
  match(out, /^ {2}message of rule 4 to k:\{module\}: dead, since the event has no value for \{module\} of the topic$/m);
});

test("nothing that redaction removes is shown, in any form", async (context) => {
  const secret = "h0chgeheim";
  const event = `tenant: diku\nPATH: /users;token=${secret}\nQUERY: token=${secret}&x=1\ncookie: a=${secret}\nx-b: "password: ${secret}"\nlocation: /a?token=${secret}\nrequest.body: { password: ${secret}, a: [{ secret: { b: ${secret} } }] }\nresponse.body: "password=${secret}"\n`;
  const terms = [
    "PATH",
    "QUERY",
    "cookie",
    "x-b",
    "location",
    "request.body",
    "request.body/password",
    "request.body/**/b",
    "response.body",
    "x-c",
  ];
  const rules = terms.map((term) => `  - ${term} , publish , k:t\n`).join("");
  const { folder } = site(context, { "event.yaml": event, "all.yaml": `stream: all\nrules:\n${rules}` });
  for (const json of [false, true]) {
    const { out } = await run(folder, { files: [join(folder, "all.yaml")], event: join(folder, "event.yaml"), json });
    ok(!out.includes(secret), out.slice(Math.max(0, out.indexOf(secret) - 200)));
    ok(out.includes("(removed)"));
  }
});

test("a message is explained with what was removed as unknown, structured, in binary form, or as exported", async (context) => {
  const { folder, users } = site(context);
  const event = transactionEvent({ requestHeaders: ["x-okapi-token", "geheim"] });
  const structured = makeMessage(event);
  const binary = makeMessage(event, { format: "cloudevents-binary" });
  const inputs = [
    structured.value.toString(),
    JSON.stringify({ headers: Object.fromEntries(binary.headers), data: JSON.parse(binary.value.toString()) as unknown }),
    JSON.stringify({ number: 7, headers: structured.headers, value: structured.value.toString("base64") }),
    JSON.stringify({ headers: binary.headers, value: binary.value.toString("base64") }),
  ];
  for (const input of inputs) {
    const { out } = await run(folder, { files: [users], event: "-", rule: 1 }, input);
    match(
      out,
      /^transaction POST \/users: event event-1 of the tenant diku, from front\nIt was read from a message of the stream users-audit/,
    );
    match(out, /^ {4}unknown {6}x-okapi-token=geheim {3}\(it was removed from the message\)$/m);
    match(out, /rule 1 .* is unknown, and a rule acts only when it surely holds\n/);
    ok(!out.includes("rule 3"));
  }
});

test("an event that is written down may stand under `event:`, as in a test, and be JSON", async (context) => {
  const { folder, users } = site(context);
  const { out } = await run(
    folder,
    { files: [users], event: "-" },
    '{ "name": "x", "event": { "tenant": "diku", "METHOD": "POST", "unknown": ["request.body"] } }',
  );
  match(out, /unknown +request.body\/password=x {3}\(it can't be read \(cut\)\)/);
});

test("a message of an event on disk is found: dead, waiting, or archived", async (context) => {
  const configuration = `version: 1\ndata: ./data\nstreams: [users.yaml]\ndestinations:\n  files: { type: file, path: out }\n`;
  const { folder } = site(context, { "sidestream.yaml": configuration });
  const data = join(folder, "data");
  const spool = await openSpool(data, ["files"]);
  const log = spool.logs.get("files");
  ok(log !== undefined);
  const put = async (eventId: string): Promise<void> => {
    const { value, headers } = makeMessage({ ...transactionEvent(), id: eventId });
    log.append(message("x", { eventId, value, headers }), true);
    await log.flush();
  };
  await put("dead-1");
  for (const each of await readAll(log)) {
    await spool.deadLetters.get("files")?.add(each, "SST_DESTINATION_REFUSED", "too large");
    await log.confirm([{ ...delivered(each), outcome: "dead", reason: "SST_DESTINATION_REFUSED" }]);
  }
  await put("waits-1");
  await spool.close();
  const config = join(folder, "sidestream.yaml");
  const dead = await run(folder, { config, id: "dead-1", env: "dev" });
  match(dead.told, /^found in dead\/files \d+\n$/);
  match(dead.out, /^transaction POST \/users: event dead-1 /);
  match((await run(folder, { config, id: "waits-1", destination: "files" })).told, /^found in spool\/files \d+\n$/);
  renameSync(join(data, "spool"), join(data, "archive"));
  match((await run(folder, { config, id: "waits-1" })).told, /found in archive\/files \d+\n$/);
  await rejects(run(folder, { config, id: "\u001b[31mnone" }), /with the id "\\u\{1b\}\[31mnone"/);
  await rejects(run(folder, { config, id: "none" }), /neither the event log nor any message in .+ has an event with the id "none"/);
  await rejects(run(folder, { config, id: "dead-1", destination: "other" }), /no message for other of an event/);
  await rejects(run(folder, { files: [join(folder, "users.yaml")], id: "dead-1" }), /say where the event is with --data DIR/);
});

test("an event that no rule took is found in the event log", async (context) => {
  const { folder, users } = site(context);
  const data = join(folder, "data");
  mkdirSync(join(data, "spool"), { recursive: true });
  mkdirSync(join(data, "events"));
  const event = { ...transactionEvent({ method: "GET", target: "/users" }), id: "kept-1" };
  const made = maker();
  const shape = { redact: [], keep: null, body: { bytesMax: 1024, types: ["json"] as const } };
  const line = made.makeEvent(made.prepare(event, new ContentValues(event, { decodedBytesMax: 1024 })), shape);
  writeFileSync(join(data, "events", `${"0".repeat(16)}.jsonl`), `${line.toString()}\n`);
  const { told, out } = await run(folder, { files: [users], data, id: "kept-1" });
  match(told, /^found in events\/0{16}\.jsonl\n$/);
  match(out, /^transaction GET \/users: event kept-1 .+\nIt was read from the event log: what was removed from that is unknown\.\n/);
  match(out, /false +METHOD=POST {3}\(it is "GET"\)/);
});

test("a stream's own redaction hides values, too, and a rule whose destination isn't there is told as dormant", async (context) => {
  const { folder } = site(context, {
    "sidestream.yaml": "version: 1\nstreams: [own.yaml]\n",
    "own.yaml":
      "stream: own\ntenants: all\nredact: [x-a, request.body/id]\nrules: [ 'x-a=hidden1 AND request.body/id=hidden2 , publish , k:t' ]\n",
    "event.yaml": "tenant: diku\nx-a: hidden1\nrequest.body: { id: hidden2 }\n",
  });
  const { out } = await run(folder, { config: join(folder, "sidestream.yaml"), event: join(folder, "event.yaml") });
  match(out, /x-a=hidden1 {3}\(removed\)\n.*request.body\/id=hidden2 {3}\(removed\)\n/);
  match(out, /^ {4}dormant {3}no destination is named "k": it would not be sent now$/m);
});

test("a stream that isn't open to the event's tenant is told as such", async (context) => {
  const { folder } = site(context, { "other.yaml": "stream: other\ntenants: [college]\nrules: [ 'METHOD=POST , publish , k:t' ]\n" });
  const { out } = await run(folder, { files: [join(folder, "other.yaml")], event: join(folder, "event.yaml") });
  match(out, /^stream other: nothing, since it isn't open to the tenant diku\n/m);
});

test("what can't be explained is told", async (context) => {
  const { folder, users } = site(context, { "large.json": "" });
  const event = join(folder, "event.yaml");
  const refused = (over: Partial<ExplainOptions>, problem: RegExp, input = ""): Promise<void> =>
    rejects(run(folder, { files: [users], ...over }, input), problem);
  await refused({}, /either --event FILE .* or --id EVENT/);
  await refused({ event, id: "x" }, /either --event FILE .* or --id EVENT/);
  await refused({ event, files: [] }, /either --config FILE or descriptors/);
  await refused({ event, stream: "user" }, /there is no stream "user"; did you mean users\?/);
  await refused({ event, rule: 9 }, /no stream that is meant has a rule 9/);
  await refused({ event: join(folder, "none") }, /can't be read: ENOENT/);
  await refused({ event: "-" }, /standard input has several messages, one a line/, '{"value":""}\n{"value":""}\n');
  await refused(
    { event: "-" },
    /this is no message that can be explained: its type is "other"/,
    '{"specversion":"1.0","type":"other","data":{}}',
  );
  await refused(
    { event: "-" },
    /standard input:1:1: MODULNAME is not a reserved word|MODULNAME is not a reserved word/,
    "tenant: a\nMODULNAME: x",
  );
  writeFileSync(join(folder, "large.json"), "x".repeat(2 * 1024 * 1024));
  await refused({ event: join(folder, "large.json") }, /expected at most 1048576 bytes/);
});

test("as JSON all of it is there, the message as text", async (context) => {
  const { folder, users } = site(context);
  const { out } = await run(folder, { files: [users], event: join(folder, "event.yaml"), json: true });
  const answer = JSON.parse(out) as {
    streams: readonly {
      rules: readonly { truth: boolean; criteria: { kind: string } }[];
      messages: readonly { key: string; value: string }[];
    }[];
  };
  const [first] = answer.streams;
  deepEqual(first?.rules.map(({ truth, criteria }) => [truth, criteria.kind])[0], [true, "and"]);
  equal((JSON.parse(first?.messages[0]?.value ?? "") as { sidestreamlog: string }).sidestreamlog, "dry-run");
});
