/** What of `delivery` can't be kept, and where that is told. */
import assert from "node:assert/strict";
import { before, test, type TestContext } from "node:test";
import { ConfigurationError, formatFinding, type Finding } from "./finding.ts";
import { quickConfiguration } from "./quick.ts";
import { configFolder, findingsOf, linesOf, loadFolder } from "./testing/config-folder.ts";
import { registerFakeDrivers } from "./testing/fake-drivers.ts";

before(registerFakeDrivers);

const CONFIGURATION = `version: 1
enabled: true
sources:
  front: { type: gateway, upstream: http://x, capture: durable }
destinations:
  kafka1: { type: kafka, brokers: [ k1:9092 ] }
  kafka2: { type: kafka, brokers: [ k2:9092 ], spool: { whenFull: drop-oldest } }
  files: { type: file, path: out }
  off: { type: file, path: off, enabled: false }
streams: [ a.yaml ]
`;

function folderOf(context: TestContext, descriptor: string, configuration = CONFIGURATION): string {
  return configFolder(context, { "sidestream.yaml": configuration, "a.yaml": `stream: a\ntenants: all\n${descriptor}` });
}

async function warningsOf(folder: string): Promise<readonly string[]> {
  return linesOf((await loadFolder(folder)).warnings, folder);
}

test("exactly-once to a destination that can't refuse what it has is an error of the stream, said once for each", async (context) => {
  const folder = folderOf(
    context,
    "delivery: exactly-once\nrules:\n  - METHOD=POST , publish , files:x\n  - METHOD=PUT , publish , files:y\n  - METHOD=PUT , publish , kafka1:y\n",
  );
  const findings = await findingsOf(folder);
  assert.deepEqual(linesOf(findings, folder), [
    "a.yaml:3:11 delivery: exactly-once can't be promised to files: a destination of type file doesn't refuse what it has already",
  ]);
  assert.match(findings[0]?.hint ?? "", /^Of the destinations here these can: kafka1, kafka2\. Or write at-least-once/);
});

test("a rule's own exactly-once is told at the rule, and its own weaker one makes the stream's possible", async (context) => {
  const long = (delivery: string) => `{ select: METHOD=POST, action: publish, target: "files:x", delivery: ${delivery} }`;
  const wrong = folderOf(context, `rules:\n  - METHOD=PUT , publish , files:x\n  - ${long("exactly-once")}\n`);
  assert.deepEqual(linesOf(await findingsOf(wrong), wrong), [
    "a.yaml:5:74 rules[1].delivery: exactly-once can't be promised to files: a destination of type file doesn't refuse what it has already",
  ]);
  const right = folderOf(context, `delivery: exactly-once\nrules:\n  - METHOD=PUT , publish , kafka1:x\n  - ${long("at-least-once")}\n`);
  assert.deepEqual(await warningsOf(right), []);
});

test("without any destination that can, the hint says which type could", async (context) => {
  const configuration = CONFIGURATION.replaceAll(/^ {2}kafka.*\n/gm, "");
  const folder = folderOf(context, "delivery: exactly-once\nrules: [ 'METHOD=POST , publish , files:x' ]\n", configuration);
  assert.match((await findingsOf(folder))[0]?.hint ?? "", /^No destination of this configuration can; one of type kafka can\./);
});

test("a destination that is switched off or not there is dormant, whatever is asked of it", async (context) => {
  const folder = folderOf(
    context,
    "delivery: exactly-once\nrules:\n  - METHOD=POST , publish , off:x\n  - METHOD=POST , publish , later1:x\n",
  );
  const { warnings, dormant } = await loadFolder(folder);
  assert.deepEqual(linesOf(warnings, folder), []);
  assert.deepEqual(dormant.filter(({ kind }) => kind === "rule").length, 2);
});

test("a shadow rule whose destination is not there is named among what is dormant, and said to count all the same", async (context) => {
  const folder = folderOf(context, 'rules:\n  - { select: METHOD=PUT, action: publish, target: "file:x", mode: shadow }\n');
  const { dormant } = await loadFolder(folder);
  assert.deepEqual(
    dormant.filter(({ kind }) => kind === "rule"),
    [
      {
        kind: "rule",
        name: "a rule 1",
        reason: 'no destination is named "file"; did you mean files?; in shadow it counts all the same',
      },
    ],
  );
});

test("exactly-once fed by best-effort is a warning that names source and routes", async (context) => {
  const configuration = CONFIGURATION.replace(
    "capture: durable }",
    "capture: durable, routes: [ { path: /bulk/*, capture: best-effort }, { path: /x } ] }\n  side: { type: gateway, upstream: http://y }\n  agent: { type: agent }",
  );
  const rules = "rules:\n  - METHOD=POST , publish , kafka1:x\n  - METHOD=PUT , publish , kafka1:y\n";
  const folder = folderOf(context, `delivery: exactly-once\n${rules}`, configuration);
  assert.deepEqual(await warningsOf(folder), [
    "a.yaml:3:11 delivery: warning: exactly-once is promised from the spool on, and `capture: best-effort` may lose events before it: source front (/bulk/*); side (default)",
  ]);
  assert.deepEqual(await warningsOf(folderOf(context, rules, configuration)), [], "at-least-once is the default, and says nothing of it");
});

test("exactly-once to a log that gives up its oldest messages is a warning", async (context) => {
  const folder = folderOf(context, "delivery: exactly-once\nrules: [ 'METHOD=POST , publish , kafka2:x' ]\n");
  const [warning, ...others] = await warningsOf(folder);
  assert.deepEqual(others, []);
  assert.match(
    warning ?? "",
    /^a\.yaml:3:11 delivery: warning: exactly-once holds until the log of kafka2 is full: `whenFull: drop-oldest`/,
  );
});

test("every delivery can be asked of a stream and of a rule, and any destination takes at-most-once", async (context) => {
  const rule = '{ select: METHOD=POST, action: publish, target: "kafka1:x", delivery: exactly-once }';
  const folder = folderOf(context, `delivery: at-most-once\nrules:\n  - METHOD=POST , publish , files:x\n  - ${rule}\n`);
  const { settings, warnings } = await loadFolder(folder);
  assert.deepEqual(warnings, []);
  const [stream] = settings.streams;
  assert.equal(stream?.delivery, "at-most-once");
  assert.deepEqual(
    stream.rules.map(({ delivery }) => delivery),
    [undefined, "exactly-once"],
  );
});

test("the form without a file is held to the same, the flag being the place", () => {
  const flags = { listen: ":9130", upstream: "http://x", delivery: "exactly-once" };
  const linesFor = (findings: readonly Finding[]) => findings.map((finding) => formatFinding(finding).split("\n")[0]);
  assert.throws(
    () => quickConfiguration({ ...flags, to: ["file:out", "kafka://k:9092/t"] }),
    (error) => {
      assert(error instanceof ConfigurationError);
      assert.deepEqual(linesFor(error.findings.filter(({ severity }) => severity === "error")), [
        "--delivery:1:1: exactly-once can't be promised to out: a destination of type file doesn't refuse what it has already",
      ]);
      assert.match(error.findings[0]?.hint ?? "", /^Of the destinations here this one can: out2\./);
      return true;
    },
  );
  const { settings, warnings } = quickConfiguration({ ...flags, to: ["kafka://k:9092/t"] });
  assert.equal(settings.streams[0]?.delivery, "exactly-once");
  assert.deepEqual(linesFor(warnings), [
    "--delivery:1:1: warning: exactly-once is promised from the spool on, and `capture: best-effort` may lose events before it: source gateway (default)",
  ]);
  assert.deepEqual(quickConfiguration({ ...flags, capture: "durable", to: ["kafka://k:9092/t"] }).warnings, []);
  assert.equal(quickConfiguration({ ...flags, delivery: "at-most-once", to: ["file:out"] }).settings.streams[0]?.delivery, "at-most-once");
});

test("a shadow rule is promised nothing, so no promise is judged before it is live", async (context) => {
  const rule = (mode: string) =>
    `delivery: exactly-once\nrules:\n  - { select: METHOD=PUT, action: publish, target: "files:x", mode: ${mode} }\n`;
  const shadow = folderOf(context, rule("shadow"));
  assert.deepEqual(await warningsOf(shadow), []);
  const live = folderOf(context, rule("live"));
  assert.match(linesOf(await findingsOf(live), live).join(), /exactly-once can't be promised to files/);
});
