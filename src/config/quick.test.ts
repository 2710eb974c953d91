import assert from "node:assert/strict";
import { resolve } from "node:path";
import { before, test } from "node:test";
import { ConfigurationError, formatFinding } from "./finding.ts";
import { type QuickFlags, quickConfiguration } from "./quick.ts";
import { registerFakeDrivers } from "./testing/fake-drivers.ts";

before(registerFakeDrivers);

const FLAGS: QuickFlags = { listen: ":9130", upstream: "http://localhost:8080" };

function errorsOf(flags: Partial<QuickFlags>): readonly string[] {
  try {
    quickConfiguration({ ...FLAGS, ...flags });
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.findings.map((finding) => `${finding.code} ${formatFinding(finding).split("\n")[0]}`);
  }
  return [];
}

test("two flags are enough: everything is published to standard output", () => {
  const { settings, enabled, health, dormant, files } = quickConfiguration(FLAGS);
  assert.equal(enabled, true);
  assert.deepEqual(health, { host: "127.0.0.1", port: 9464 });
  assert.deepEqual([dormant, files], [[], []]);
  assert.equal(settings.dataFolder, resolve("sidestream-data"));
  assert.deepEqual(
    settings.sources.map(({ name, type, platform }) => ({ name, type, platform })),
    [{ name: "gateway", type: "gateway", platform: { type: "none", tenant: { header: "x-okapi-tenant", default: "default" } } }],
  );
  assert.deepEqual(
    settings.destinations.map(({ name, type }) => ({ name, type })),
    [{ name: "out", type: "stdout" }],
  );
  const [stream] = settings.streams;
  assert.equal(stream?.id, "events");
  assert.equal(stream.tenants, "all");
  assert.deepEqual(stream.rules, [
    {
      number: 1,
      criteria: { kind: "present", attribute: { kind: "word", word: "EVENTTYPE" } },
      action: "publish",
      targets: [{ destination: "out", topic: ["events"] }],
    },
  ]);
});

test("criteria alone are published to events; a whole rule keeps its topic, and its destination means out", () => {
  const rule = ["METHOD=(POST, PUT)", "STATUS>=500 , publish , kafka1:errors", "PATH=/x* , publish , anywhere", "METHOD=GET , ignore"];
  const { settings } = quickConfiguration({ ...FLAGS, to: ["file:/tmp/out"], rule });
  assert.deepEqual(settings.destinations[0]?.options, { path: "/tmp/out" });
  assert.deepEqual(
    settings.streams[0]?.rules.map(({ number, action, targets }) => [number, action, targets]),
    [
      [1, "publish", [{ destination: "out", topic: ["events"] }]],
      [2, "publish", [{ destination: "out", topic: ["errors"] }]],
      [3, "publish", [{ destination: "out", topic: ["events"] }]],
      [4, "ignore", []],
    ],
  );
});

test("with several destinations each gets every message", () => {
  const { settings } = quickConfiguration({ ...FLAGS, to: ["stdout:", "file:a"] });
  assert.deepEqual(
    settings.destinations.map(({ name }) => name),
    ["out", "out2"],
  );
  assert.deepEqual(settings.streams[0]?.rules[0]?.targets, [
    { destination: "out", topic: ["events"] },
    { destination: "out2", topic: ["events"] },
  ]);
});

test("kafka:// names brokers, and the topic of messages whose rule names none", () => {
  const { settings } = quickConfiguration({
    ...FLAGS,
    to: ["kafka://k1:9092,[::1]:9093,kafka_3.internal:9094/dev.{tenant}.all", "stdout:"],
    rule: ["METHOD=POST", "STATUS>=500 , publish , out:errors", "PATH=/x , publish , out"],
  });
  assert.deepEqual(settings.destinations[0]?.options, { brokers: ["k1:9092", "[::1]:9093", "kafka_3.internal:9094"], tls: false });
  const kafka = ["dev.", { name: "tenant" }, ".all"];
  assert.deepEqual(
    settings.streams[0]?.rules.map(({ targets }) => targets.map(({ topic }) => topic)),
    [
      [kafka, ["events"]],
      [["errors"], ["errors"]],
      [kafka, ["events"]],
    ],
  );
  assert.equal(quickConfiguration({ ...FLAGS, to: ["kafka://k1:9092/a"] }).settings.streams[0]?.rules[0]?.targets[0]?.topic[0], "a");
});

test("what is wrong with a kafka:// is told where it stands", () => {
  const cases: readonly (readonly [string, ...string[]])[] = [
    ["kafka:k1:9092", "1:6: expected kafka://HOST:PORT/TOPIC"],
    ["kafka://k1:9092", "1:16: the topic is missing: expected kafka://HOST:PORT/TOPIC"],
    ["kafka://k1:9092/", "1:17: the topic is missing: expected kafka://HOST:PORT/TOPIC"],
    [
      "kafka://k1,:9092,k3:0/a b",
      "1:9: expected HOST:PORT, such as localhost:9092 or [::1]:9092",
      "1:12: expected HOST:PORT, such as localhost:9092 or [::1]:9092",
      "1:18: expected HOST:PORT, such as localhost:9092 or [::1]:9092",
      "1:24:   can't stand in a topic",
    ],
    ["kafka://::1:9092/a", "1:9: expected HOST:PORT, such as localhost:9092 or [::1]:9092"],
    ["kafka://k1:99999/a", "1:9: expected HOST:PORT, such as localhost:9092 or [::1]:9092"],
    ["kafka://k1:9092/a?acks=1", "1:18: ? can't stand in a topic"],
    ["kafka://k1:9092/a/b", "1:18: / can't stand in a topic"],
    ["kafka://k1:9092/..", '1:17: "." and ".." can\'t be topics'],
    ["kafka://k1:9092/{tenent}", "1:18: {tenent} is not a name for templates; did you mean tenant?"],
  ];
  for (const [to, ...problems] of cases)
    assert.deepEqual(
      errorsOf({ to: [to] }),
      problems.map((problem) => `SST_CONFIG_INVALID --to:${problem}`),
      to,
    );
});

test("the usual slips in a broker's address are named", () => {
  const hintOf = (to: string) => {
    try {
      quickConfiguration({ ...FLAGS, to: [to] });
    } catch (error) {
      assert.ok(error instanceof ConfigurationError);
      return error.findings[0]?.hint;
    }
    return undefined;
  };
  assert.equal(hintOf("kafka://k1/a"), "The port is missing; Kafka's own is 9092: k1:9092");
  assert.equal(hintOf("kafka://::1:9092/a"), "An IPv6 address stands in brackets: [::1]:9092");
  assert.equal(hintOf("kafka://k1:99999/a"), "A port is at most 65535.");
});

test("a user with a password is refused in a flag and never repeated", () => {
  for (const to of ["kafka://ada:se,c/ret@k1:9092/a", "kafka://ada@k1:9092/a"]) {
    assert.throws(
      () => quickConfiguration({ ...FLAGS, to: [to] }),
      (error) => {
        assert.ok(error instanceof ConfigurationError);
        assert.equal(error.findings.length, 1);
        assert.match(error.message, /^--to:1:9: user and password can't be given here[^]*configuration file/);
        assert.doesNotMatch(error.message, /ada|se,c|ret/);
        return true;
      },
    );
  }
});

test("health can be moved and switched off, the data folder and capture chosen", () => {
  assert.equal(quickConfiguration({ ...FLAGS, health: "off" }).health, null);
  const { health, settings } = quickConfiguration({ ...FLAGS, health: ":9000", spool: "/tmp/spool", capture: "durable" });
  assert.deepEqual(health, { host: null, port: 9000 });
  assert.equal(settings.dataFolder, "/tmp/spool");
  assert.partialDeepStrictEqual(settings.sources[0]?.options, { capture: "durable" });
});

test("all flags that are wrong are told at once, the flag being the place", () => {
  assert.deepEqual(
    errorsOf({
      upstream: "nowhere",
      to: ["fil:x", "file:", "stdout:x"],
      rule: ["METHOD==POST", "a=bcde , publsh , x:y"],
      delivery: "at-last-once",
      health: "9000",
      spool: "",
    }),
    [
      "SST_CONFIG_INVALID --to:1:1: expected file:DIR, stdout: or kafka://HOST:PORT/TOPIC; did you mean file?",
      "SST_CONFIG_INVALID --to:1:6: expected a folder after file:",
      "SST_CONFIG_INVALID --to:1:8: nothing may follow stdout:",
      "SST_CONFIG_INVALID --upstream:1:1: expected a URL, found nowhere",
      "SST_RULE_INVALID --rule:1:8: an equals sign too many",
      'SST_RULE_INVALID --rule:1:10: "publsh" is not an action; did you mean publish?',
      "SST_CONFIG_INVALID --health:1:1: expected an address such as 127.0.0.1:9464, or off",
      "SST_CONFIG_INVALID --delivery:1:1: expected at-most-once, at-least-once, exactly-once; did you mean at-least-once?",
      "SST_CONFIG_INVALID --spool:1:1: expected the path of a folder",
    ],
  );
});

test("what is planned but not there yet is told as such", () => {
  assert.deepEqual(errorsOf({ to: ["amqp://localhost"], capture: "write-ahead", rule: ["METHOD=GET , broadcast , all"] }), [
    "SST_NOT_AVAILABLE --to:1:1: destination type amqp: not available yet",
    "SST_NOT_AVAILABLE --capture:1:1: capture write-ahead: not available yet",
    'SST_NOT_AVAILABLE --rule:1:14: the action "broadcast" is not available yet',
  ]);
});

test("a warning of the rule language names the flag", () => {
  const { warnings } = quickConfiguration({ ...FLAGS, rule: ["method=POST"] });
  assert.deepEqual(
    warnings.map(({ file, line, column }) => ({ file, line, column })),
    [{ file: "--rule", line: 1, column: 1 }],
  );
});
