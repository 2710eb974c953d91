import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { ConfigurationError, FINDINGS_MAX, formatFinding } from "./finding.ts";
import { loadConfiguration } from "./load.ts";
import { configFolder, findingsOf, linesOf, loadFolder } from "./testing/config-folder.ts";
import { registerFakeDrivers } from "./testing/fake-drivers.ts";

before(registerFakeDrivers);

const STREAM = "stream: audit\ntenants: all\nrules:\n  - METHOD=POST , publish , files:audit\n";

test("all errors of all files are told at once, in order, each at its line and column", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 2
enabeld: true
instance: -x
env: "a b"
sources:
  front:
    type: gateway
    upstream: ftp://x
    conectionsMax: 5
    connectionsMax: many
    tenant: "a/b"
    routes: [ { path: /a, capture: durabel } ]
  other: { type: gatway }
  third: {}
  4th: { type: gateway, upstream: http://x }
destinations:
  all: { type: stdout }
  files: { type: file, path: out, spool: { bytesMax: 1PiB, whenFull: drop-newst, tenantSharePercent: 0, parkBytes: 1KiB }, deadLetters: { keep: 30 }, inFlightMax: 0, maxRate: 5k }
  fast: { type: stdout, maxRate: 0 }
health: { listen: "9131" }
limits: { topicsMax: -1, messageBytesMax: 1KiB }
streams: [ a.yaml, b.yaml, missing.yaml ]
`,
    "a.yaml": "stream: A\nrules: []\n",
    "b.yaml": "rules:\n  - METHOD==POST , publish , files:x\ntenants: some\nbody: { limit: 1x, types: [jsn] }\nkey: '{tenent}'\n",
  });
  assert.deepEqual(linesOf(await findingsOf(folder), folder), [
    "sidestream.yaml:1:10 version: expected version: 1",
    'sidestream.yaml:2:1: unknown key "enabeld"; did you mean enabled?',
    "sidestream.yaml:3:11 instance: expected 1 to 63 letters, digits, ., - or _, beginning with a letter or digit",
    "sidestream.yaml:4:6 env: expected 1 to 80 letters, digits, - or _, because it may become part of a topic",
    "sidestream.yaml:8:15 sources.front.upstream: expected a URL, found ftp://x",
    'sidestream.yaml:9:5 sources.front: unknown key "conectionsMax"; did you mean connectionsMax?',
    "sidestream.yaml:10:21 sources.front.connectionsMax: expected a number, found text",
    "sidestream.yaml:11:13 sources.front.tenant: expected 1 to 80 letters, digits, - or _, because it may become part of a topic",
    'sidestream.yaml:12:36 sources.front.routes[0].capture: expected "best-effort", "durable" or "write-ahead"; did you mean durable?',
    "sidestream.yaml:13:18 sources.other.type: no such source type; this release has agent or gateway; did you mean gateway?",
    "sidestream.yaml:14:3 sources.third.type: expected the type of the source",
    "sidestream.yaml:15:3 sources: expected a name that begins with a letter and has only letters, digits, - and _, at most 63 of them",
    "sidestream.yaml:17:3 destinations: a destination can't be named all: in a rule that word means every destination",
    "sidestream.yaml:18:54 destinations.files.spool.bytesMax: expected a size such as 10GiB, 64KiB or a whole number of bytes",
    'sidestream.yaml:18:70 destinations.files.spool.whenFull: expected "drop-newest", "drop-oldest" or "refuse"; did you mean drop-newest?',
    "sidestream.yaml:18:102 destinations.files.spool.tenantSharePercent: expected at least 1",
    "sidestream.yaml:18:116 destinations.files.spool.parkBytes: expected a size from 1MiB to 64TiB",
    "sidestream.yaml:18:145 destinations.files.deadLetters.keep: expected a duration such as 30d, 12h, 5m, 30s or 200ms",
    "sidestream.yaml:18:164 destinations.files.inFlightMax: expected at least 1",
    "sidestream.yaml:18:176 destinations.files.maxRate: expected messages per second, such as 5000 or 5000/s",
    "sidestream.yaml:19:34 destinations.fast.maxRate: expected 1/s to 10000000/s",
    "sidestream.yaml:20:19 health.listen: expected an address to listen on, such as :9130, 127.0.0.1:9130 or [::1]:9130",
    "sidestream.yaml:21:22 limits.topicsMax: expected at least 1",
    "sidestream.yaml:21:43 limits.messageBytesMax: expected a size from 16KiB to 64MiB",
    "sidestream.yaml:22:28 streams[2]: no such file: missing.yaml",
    "a.yaml:1:9 stream: expected 1 to 63 small letters, digits or -, beginning with a letter or digit",
    "a.yaml:2:1 rules: expected at least 1 item",
    "b.yaml:1:1 stream: missing: expected text",
    "b.yaml:2:12 rules[0]: an equals sign too many",
    "b.yaml:3:10 tenants: expected assigned, all or a list of tenants",
    "b.yaml:4:16 body.limit: expected a size such as 10GiB, 64KiB or a whole number of bytes",
    'b.yaml:4:28 body.types[0]: expected "json", "text", "form", "multipart" or "binary"; did you mean json?',
    "b.yaml:5:8 key: {tenent} is not a name for templates; did you mean tenant?",
  ]);
});

test("the message of the error holds every line, and its code is the contract", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": "version: 1\na: 1\nb: 2\n" });
  await assert.rejects(loadFolder(folder), (error) => {
    assert.ok(error instanceof ConfigurationError);
    assert.equal(error.code, "SST_CONFIG_INVALID");
    assert.equal(error.exit, 78);
    assert.equal(error.message, error.findings.map(formatFinding).join("\n"));
    assert.equal(error.findings.length, 2);
    return true;
  });
});

test("findings are bounded and the rest counted", async (context) => {
  const keys = Array.from({ length: FINDINGS_MAX + 5 }, (_, index) => `k${index}: 1`).join("\n");
  const folder = configFolder(context, { "sidestream.yaml": `version: 1\n${keys}\n` });
  await assert.rejects(loadFolder(folder), (error) => {
    assert.ok(error instanceof ConfigurationError);
    assert.equal(error.findings.length, FINDINGS_MAX);
    assert.equal(error.omitted, 5);
    assert.ok(error.message.endsWith("and 5 more"));
    return true;
  });
});

test("a configuration that isn't there is unreadable, not invalid", async (context) => {
  const folder = configFolder(context, {});
  await assert.rejects(loadFolder(folder), {
    code: "SST_CONFIG_UNREADABLE",
    message: `${join(folder, "sidestream.yaml")}:1:1: no such file`,
  });
});

test("an empty configuration says what it misses", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": "" });
  assert.deepEqual(linesOf(await findingsOf(folder), folder), ["sidestream.yaml:1:1: expected keys with values, found nothing"]);
});

test("two descriptors with one id are an error that names both", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": "version: 1\nstreams: [ a.yaml, b.yaml ]\n",
    "a.yaml": STREAM,
    "b.yaml": `# other\n${STREAM}`,
  });
  assert.deepEqual(linesOf(await findingsOf(folder), folder), ['b.yaml:2:9 stream: the id "audit" is also that of a.yaml:1:9']);
});

test("what is planned but not there yet is told as such, at its place, and once", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1
sources:
  front:
    type: gateway
    upstream: http://x
    capture: write-ahead
    routes: [ { path: /a, capture: write-ahead } ]
    platform: { type: okapi, url: "http://okapi:9131", token: x }
  clock: { type: clock, every: 5m }
destinations:
  rabbit: { type: rabbitmq, url: "amqps://r1", tls: true }
  files: { type: file, path: out }
targetSets: { oncall: [ "kafka1:oncall" ] }
policies: [ policy.yaml ]
streams: [ a.yaml, policy.yaml ]
`,
    "a.yaml": `stream: a
delivery: exactly-once
format: protobuf
rules:
  - METHOD=POST , broadcast , all
  - METHOD=POST , sync , files:x
  - METHOD=POST , publish , @oncall
`,
    "policy.yaml": "policy: privacy\nrules: [ METHOD=GET ]\n",
  });
  const findings = await findingsOf(folder);
  assert.deepEqual(new Set(findings.map(({ code }) => code)), new Set(["SST_NOT_AVAILABLE"]));
  assert.deepEqual(linesOf(findings, folder), [
    "sidestream.yaml:6:14 sources.front.capture: capture write-ahead: not available yet",
    "sidestream.yaml:7:36 sources.front.routes[0].capture: capture write-ahead: not available yet",
    "sidestream.yaml:8:23 sources.front.platform.type: platform okapi: not available yet",
    "sidestream.yaml:9:18 sources.clock.type: source type clock: not available yet",
    "sidestream.yaml:11:19 destinations.rabbit.type: destination type rabbitmq: not available yet",
    "sidestream.yaml:13:1 targetSets: target sets: not available yet",
    "sidestream.yaml:14:1 policies: policies: not available yet",
    "a.yaml:3:9 format: format protobuf: not available yet",
    'a.yaml:5:19 rules[0]: the action "broadcast" is not available yet',
    'a.yaml:6:19 rules[1]: the action "sync" is not available yet',
    "a.yaml:7:29 rules[2]: target sets (@name) are not available yet",
    "policy.yaml:1:9 policy: policies: not available yet",
  ]);
});

test("faults within a platform are told at their place", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1
sources:
  a: { type: gateway, upstream: "http://x", platform: { type: statik } }
  b: { type: gateway, upstream: "http://x", platform: { type: static, tenant: [ { host: example.org }, { claim: x } ], routes: [ { path: users, method: GET } ] } }
  c: { type: agent, platform: { type: none } }
`,
  });
  assert.deepEqual(linesOf(await findingsOf(folder), folder), [
    'sidestream.yaml:3:63 sources.a.platform.type: expected "none" or "static"; did you mean static?',
    "sidestream.yaml:4:89 sources.b.platform.tenant[0].host: expected a pattern of the Host header with {tenant} in it once",
    "sidestream.yaml:4:104 sources.b.platform.tenant[1]: expected one of header, tokenClaim, host, path",
    "sidestream.yaml:4:138 sources.b.platform.routes[0].path: expected a path that begins with /",
    'sidestream.yaml:4:145 sources.b.platform.routes[0]: unknown key "method"; did you mean methods?',
    "sidestream.yaml:5:21 sources.c: a source of type agent knows its tenants itself and takes no platform",
  ]);
});

test("a descriptor of the package that is named without its sidestream: is told by its name", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": "version: 1\nstreams: [ acapy-events, acapy-events.yaml, other ]\n" });
  const findings = await findingsOf(folder);
  assert.deepEqual(
    findings.filter(({ path }) => path?.startsWith("streams")).map(({ hint }) => hint),
    [
      "The one of this package is called sidestream:acapy-events.",
      "The one of this package is called sidestream:acapy-events.",
      "It is relative to the folder of this file.",
    ],
  );
});

test("an assignments file that is named must be there and in order", async (context) => {
  const missing = configFolder(context, { "sidestream.yaml": "version: 1\nassignments: x.yaml\n" });
  assert.deepEqual(linesOf(await findingsOf(missing), missing), ["x.yaml:1:1: no such file"]);
  const wrong = configFolder(context, {
    "sidestream.yaml": "version: 1\nassignments: x.yaml\n",
    "x.yaml": "version: 1\nassignments: { a: [ 7 ] }\nextra: 1\n",
  });
  assert.deepEqual(linesOf(await findingsOf(wrong), wrong), [
    "x.yaml:2:21 assignments.a[0]: expected the name of a tenant; quote it if it is a number",
    'x.yaml:3:1: unknown key "extra"',
  ]);
});

test("a file given by a relative name is shown by it", async () => {
  await assert.rejects(loadConfiguration("no-such-folder/sidestream.yaml", { environment: {} }), {
    message: "no-such-folder/sidestream.yaml:1:1: no such file",
  });
});
