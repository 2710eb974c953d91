import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test, type TestContext } from "node:test";
import { openControlSocket } from "../admin/control-socket.ts";
import { configFolder } from "../config/testing/config-folder.ts";
import { file } from "../destinations/file/file.ts";
import { registerFakeDrivers } from "../config/testing/fake-drivers.ts";
import { registerDestination } from "../driver/registry.ts";
import { SidestreamError } from "../errors.ts";
import { runCheck } from "./check.ts";
import { fakeKafka } from "./testing/fake-kafka.ts";

const { plan, driver } = fakeKafka("fake");

beforeEach(() => {
  registerFakeDrivers();
  registerDestination(file);
  registerDestination(driver);
  plan.open = () => Promise.resolve();
  plan.check = () => Promise.resolve();
});

const CONFIGURATION = `version: 1
enabled: true
env: dev
sources:
  front: { type: gateway, upstream: "http://localhost" }
destinations:
  k: { type: fake }
  other: { type: fake }
  off: { type: fake, enabled: false }
streams: [ a.yaml, b.yaml ]
`;
const STREAM = `stream: a
tenants: all
rules:
  - METHOD=POST , publish , k:users
  - METHOD=PUT , publish , k:{env}.users
  - METHOD=GET , publish , k:{tenant}.users
  - METHOD=DELETE , publish , k:users
`;
const UNASSIGNED = "stream: b\nrules:\n  - METHOD=POST , publish , k:nobody\n";

async function check(folder: string, files: readonly string[], over: { readonly connect?: boolean; readonly json?: boolean } = {}) {
  let stdout = "";
  let stderr = "";
  const out = { stdout: (text: string) => void (stdout += text), stderr: (text: string) => void (stderr += text) };
  const options = { connect: true, json: false, environment: {}, ...over };
  const status = await runCheck(
    files.map((name) => join(folder, name)),
    options,
    out,
  );
  return { status, stdout: stdout.replaceAll(`${folder}/`, ""), stderr: stderr.replaceAll(`${folder}/`, "") };
}

function site(context: TestContext, configuration = CONFIGURATION): string {
  return configFolder(context, { "sidestream.yaml": configuration, "a.yaml": STREAM, "b.yaml": UNASSIGNED });
}

test("without --connect it validates and opens nothing", async (context) => {
  plan.open = () => Promise.reject(new Error("it was opened"));
  const { status, stdout } = await check(site(context), ["sidestream.yaml"], { connect: false });
  equal(status, 0);
  match(stdout, /sidestream\.yaml: valid configuration\n$/);
});

test("each destination is opened, checked with the topics that are known, and closed; what is off is left alone", async (context) => {
  const folder = site(context);
  const asked: (readonly string[])[] = [];
  plan.check = (_signal, topics) => {
    asked.push(topics);
    return Promise.resolve();
  };
  plan.open = async (memory, notice) => {
    deepEqual(memory.names(), []);
    await memory.set("cluster", "abc");
    equal(memory.get("cluster"), "abc");
    notice("min.insync.replicas is 1");
  };
  const { status, stdout } = await check(folder, ["sidestream.yaml"]);
  equal(status, 0);
  deepEqual(asked, [["dev.users", "users"], []]);
  equal(plan.openCount, 0);
  match(
    stdout,
    /\ndestination {2}type {2}answer\nk {12}fake {2}ok\nk {12}fake {2}note: min\.insync\.replicas is 1\nother {8}fake {2}ok\nother {8}fake {2}note: .*\noff {10}fake {2}dormant: switched off by `enabled: false`\n$/,
  );
  ok(!readdirSync(folder).includes("sidestream-data"), "nothing of a spool is made");
});

test("every problem is one line, each hint is said once, and the status is 1", async (context) => {
  plan.check = (_signal, topics) =>
    topics.length === 0
      ? Promise.reject(new SidestreamError("SST_DESTINATION_LOGIN", "broker k1:9092:\n the login failed"))
      : Promise.reject(
          new AggregateError(
            topics.map((topic) => new SidestreamError("SST_TOPIC_MISSING", `there is no topic ${topic}`)),
            "two things are wrong",
          ),
        );
  const { status, stdout } = await check(site(context), ["sidestream.yaml"]);
  equal(status, 1);
  match(stdout, /^k +fake +SST_TOPIC_MISSING: there is no topic dev\.users$/m);
  match(stdout, /^k +fake +SST_TOPIC_MISSING: there is no topic users$/m);
  match(stdout, /^other +fake +SST_DESTINATION_LOGIN: broker k1:9092: the login failed$/m);
  equal(stdout.match(/^SST_TOPIC_MISSING: Create the topic/gm)?.length, 1);
  match(stdout, /^SST_DESTINATION_LOGIN: The destination refused/m);
  equal(plan.openCount, 0);
});

test("what a driver throws that is no error of ours is a destination that can't be reached", async (context) => {
  plan.open = () => Promise.reject(new AggregateError([new Error("inner")], "the client failed"));
  const { status, stdout } = await check(site(context), ["sidestream.yaml"]);
  equal(status, 1);
  match(stdout, /^k +fake +SST_DESTINATION_UNREACHABLE: the client failed$/m);
});

test("a destination that never answers is given up at the deadline, and told to end", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const aborted: boolean[] = [];
  const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
  plan.check = (signal, topics) => {
    if (topics.length === 0) return Promise.resolve();
    wasAsked();
    signal.addEventListener("abort", () => aborted.push(true));
    return new Promise(() => undefined);
  };
  const checking = check(site(context), ["sidestream.yaml"]);
  await asked;
  // The other one has its answer by then.
  await new Promise(setImmediate);
  context.mock.timers.tick(30_000);
  context.mock.timers.tick(2_000);
  const { status, stdout } = await checking;
  deepEqual(aborted, [true]);
  equal(status, 1);
  match(stdout, /^k +fake +SST_DESTINATION_UNREACHABLE: no answer within 30 s$/m);
  match(stdout, /^other +fake +ok$/m);
  plan.openCount = 0;
});

test("a folder that the running program writes to is no problem while it is up there", async (context) => {
  const configuration = "version: 1\nenabled: true\ndata: ./data\ndestinations:\n  files: { type: file, path: ./out }\n";
  const folder = configFolder(context, { "sidestream.yaml": configuration, "data/keep": "", "out/keep": "" });
  await using held = await file.open(file.options.parse({ path: join(folder, "out") }), {
    name: "files",
    signal: AbortSignal.timeout(60_000),
  });
  ok(held);
  const alone = await check(folder, ["sidestream.yaml"]);
  equal(alone.status, 1);
  match(alone.stdout, /^files +file +SST_DESTINATION_LOCKED: /m);
  let state = "up";
  const listener = await openControlSocket(join(folder, "data"), () =>
    Promise.resolve({ destinations: [{ destination: "files", transmit: { state } }] }),
  );
  context.after(() => listener.close());
  const running = await check(folder, ["sidestream.yaml"]);
  equal(running.status, 0);
  match(running.stdout, /^files +file +ok\nfiles +file +note: the running program has it open, and it is up there$/m);
  state = "down";
  equal((await check(folder, ["sidestream.yaml"])).status, 1);
});

test("for programs it is one object: what validate says, and the destinations with hints", async (context) => {
  plan.check = (_signal, topics) =>
    topics.length === 0 ? Promise.resolve() : Promise.reject(new SidestreamError("SST_TOPIC_MISSING", "there is no topic users"));
  const { status, stdout, stderr } = await check(site(context), ["sidestream.yaml"], { json: true });
  deepEqual([status, stderr], [1, ""]);
  const { valid, destinations } = JSON.parse(stdout) as {
    readonly valid: boolean;
    readonly destinations: readonly Record<string, unknown>[];
  };
  equal(valid, true);
  deepEqual(
    destinations.map(({ destination, ok: isOk, dormant, problems }) => [destination, isOk, dormant, (problems as unknown[]).length]),
    [
      ["k", false, null, 1],
      ["other", true, null, 0],
      ["off", true, "switched off by `enabled: false`", 0],
    ],
  );
  const [problem] = destinations[0]?.["problems"] as readonly Record<string, string>[];
  deepEqual([problem?.["code"], problem?.["message"]], ["SST_TOPIC_MISSING", "there is no topic users"]);
  match(problem?.["hint"] ?? "", /Create the topic/);
});

test("with an error in the files nothing is opened, and the status is that of validate", async (context) => {
  plan.open = () => Promise.reject(new Error("it was opened"));
  const folder = site(context, CONFIGURATION.replace("enabled: true\nenv", "enabeld: true\nenv"));
  const { status, stdout } = await check(folder, ["sidestream.yaml"]);
  equal(status, 78);
  ok(!stdout.includes("destination  type"));
  const json = await check(folder, ["sidestream.yaml"], { json: true });
  equal((JSON.parse(json.stdout) as { readonly valid: boolean }).valid, false);
});

test("without a configuration there is nothing to connect to, and the status is that of wrong use", async (context) => {
  const { status, stderr } = await check(site(context), ["a.yaml"]);
  equal(status, 2);
  match(stderr, /name a configuration/);
  equal((await check(site(context), [], { connect: false })).status, 2);
});

test("more problems than anyone reads are counted", async (context) => {
  plan.check = () =>
    Promise.reject(
      new AggregateError(Array.from({ length: 150 }, (_, index) => new SidestreamError("SST_TOPIC_MISSING", `no topic t${index}`))),
    );
  const { stdout } = await check(site(context), ["sidestream.yaml"]);
  match(stdout, /^k +fake +SST_TOPIC_MISSING: and 50 more problems$/m);
});
