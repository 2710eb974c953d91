import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ERRORS } from "../errors.ts";
import type { FlowSnapshot } from "../flow/flow-snapshot.ts";
import { VERSION } from "../version.ts";
import { needsAttention, printStatus, type StatusReport } from "./status-report.ts";

type Destination = FlowSnapshot["destinations"][number];

const TRANSMIT = {
  state: "up",
  lastError: null,
  inFlight: 3,
  lanesBlocked: 0,
  blocked: [],
  oldestUnsentMs: 0,
  sent: 5,
  retried: 0,
  dead: 0,
  misbehaved: 0,
  sends: 1,
  sendMs: 1,
} as const;

const destination = (over: Partial<Destination> = {}): Destination => ({
  destination: "kafka1",
  spoolBytes: 2048,
  spoolBytesMax: 10 * 2 ** 30,
  oldestUnsentMs: 0,
  up: true,
  logId: "0".repeat(32),
  damagedMessages: 0,
  deadLetters: { messages: 0, bytes: 0, removed: 0, lastReason: null },
  trouble: null,
  tenantsHeldBack: 0,
  heldBack: [],
  held: null,
  archive: null,
  memory: null,
  stopped: null,
  notices: [],
  transmit: TRANSMIT,
  ...over,
});

const report = (over: Partial<StatusReport> = {}): StatusReport => ({
  version: "1.2.3",
  instance: "front-1",
  pid: 42,
  uptimeSeconds: 7,
  engineUp: true,
  engineRestarts: 0,
  sources: [{ source: "front", address: "http://127.0.0.1:9130", samples: {}, troubles: [] }],
  edge: { captured: [], lost: [], unreadable: 0 },
  destinations: [destination()],
  messages: [
    { stream: "audit", tenant: "diku", destination: "kafka1", accepted: 5, delivered: 3, dead: 0, dropped: { disk: 1 }, pending: 1 },
  ],
  totals: { accepted: 5, delivered: 3, dead: 0, dropped: 1, pending: 1 },
  breaches: [],
  unidentified: 0,
  shadows: [],
  orphaned: [],
  dormant: [],
  ...over,
});

test("a program in health is shown in a table and needs nobody", () => {
  const text = printStatus(report());
  match(text, /^sidestream 1\.2\.3, instance front-1, process 42, up 7 s$/m);
  match(text, /^kafka1 +up +2\.0 KiB +10\.0 GiB +3 +0$/m);
  match(text, /^audit +diku +kafka1 +5 +3 +0 +1 +1$/m);
  ok(!needsAttention(report()));
});

test("a source is shown with its parts and its troubles, and without an address where it is not open", () => {
  const parts = Array.from({ length: 52 }, (_, index) => `journal agent-${index}: all is read`);
  const sources = [
    { source: "agents", address: "/journals", samples: {}, parts, troubles: ["journal agent-7: it hangs"] },
    { source: "webhooks", address: null, samples: {}, troubles: ["not opened"] },
  ];
  const text = printStatus(report({ sources }));
  match(text, /^source agents listens on \/journals\n {2}journal agent-0: all is read\n/m);
  match(text, /journal agent-49: all is read\n {2}and 2 more: see --json\nsource agents: journal agent-7: it hangs\n/);
  match(text, /^source webhooks: not opened$/m);
  ok(needsAttention(report({ sources })));
});

test("events that are kept are told, and those that were left out with the reasons; a program that keeps none says nothing", () => {
  const kept = { bytes: 2 ** 20, bytesMax: 2 ** 30, files: 1, written: 7, dropped: { behind: 1, noRoom: 2, failed: 0, unmade: 0 } };
  match(
    printStatus(report({ keptEvents: kept })),
    /^event log: 7 events kept since the engine started, 0\.0 of 1\.0 GiB; 3 left out: 2 for want/m,
  );
  const all = { ...kept, dropped: { behind: 0, noRoom: 0, failed: 0, unmade: 0 } };
  match(printStatus(report({ keptEvents: all })), /^event log: 7 events kept since the engine started, 0\.0 of 1\.0 GiB$/m);
  for (const none of [{}, { keptEvents: null }]) ok(!printStatus(report(none)).includes("event log"));
});

test("what needs a person is said and told by the exit status", () => {
  const cases: readonly (readonly [Partial<StatusReport>, RegExp])[] = [
    [{ engineUp: false }, /engine DOWN/],
    [
      { breaches: [{ stream: "audit", tenant: "diku", destination: "kafka1", difference: 2 }] },
      /NOT CONSERVED: audit, diku, kafka1: 2 messages.*\nNOT CONSERVED: this should never be.* report it$/m,
    ],
    [{ destinations: [destination({ stopped: "the log ends at 5" })] }, /STOPPED.*the log ends at 5/],
    [
      { destinations: [destination({ trouble: { code: "SST_SPOOL_FULL", message: "it is full", sinceMs: 0 } })] },
      /NO ROOM, up.*SST_SPOOL_FULL: the log is full, 0\.0 of 10\.0 GiB$/m,
    ],
    [
      { destinations: [destination({ trouble: { code: "SST_SPOOL_IO", message: "could not write", sinceMs: 0 } })] },
      /NOT KEPT, up.*SST_SPOOL_IO: could not write$/m,
    ],
    [
      {
        destinations: [
          destination({
            transmit: { ...TRANSMIT, state: "down", lastError: { code: "SST_DESTINATION_UNREACHABLE", message: "no answer", atMs: 0 } },
          }),
        ],
      },
      /down.*SST_DESTINATION_UNREACHABLE: no answer/,
    ],
  ];
  for (const [over, pattern] of cases) {
    match(printStatus(report(over)), pattern);
    ok(needsAttention(report(over)), String(pattern));
  }
});

test("losses, dead letters and dormant parts are named with their reasons", () => {
  const text = printStatus(
    report({
      edge: { captured: [], lost: [{ source: "front", route: "/x", reason: "no-room", count: 4 }], unreadable: 1 },
      destinations: [destination({ deadLetters: { messages: 1, bytes: 10, removed: 0, lastReason: "SST_TEMPLATE_VALUE: no value" } })],
      unidentified: 2,
      dormant: [{ kind: "stream", name: "b", reason: "no tenant is assigned to it" }],
    }),
  );
  match(text, /source front, route \/x: 4 events went by uncaptured \(no-room\)/);
  match(text, /last dead letter: SST_TEMPLATE_VALUE: no value/);
  match(text, /2 events had no tenant/);
  match(text, /dormant stream b: no tenant is assigned to it/);
});

const SAMPLE: StatusReport["shadows"][number]["samples"][number] = {
  timeMs: Date.UTC(2026, 10, 22, 10, 0, 0, 5),
  eventId: "event-1",
  tenant: "diku",
  subject: "POST /users",
  messages: [{ target: "kafka1:prod.users", key: "diku/1", deadReason: null }],
};

test("rules in shadow stand in a table of their own with the newest event of each, and need nobody", () => {
  const counts = { stream: "audit", matched: 7, wouldAct: 3 };
  const dead = [{ target: "kafka1:x.{module}", key: "diku", deadReason: "the event has no value for {module} of the topic" }];
  const shadows: StatusReport["shadows"] = [
    { ...counts, rule: 2, action: "publish", samples: [{ ...SAMPLE, eventId: "older" }, SAMPLE] },
    { ...counts, rule: 3, action: "publish", samples: [{ ...SAMPLE, messages: dead }] },
    { ...counts, rule: 4, action: "ignore", samples: [{ ...SAMPLE, subject: "GET /\u001b[2J", messages: [] }] },
    { ...counts, rule: 5, action: "publish", wouldAct: 0, samples: [] },
  ];
  const text = printStatus(report({ shadows }));
  match(text, /^stream +rule +action +matched +would act$/m);
  match(text, /^audit +2 +publish +7 +3$/m);
  match(text, /^audit +5 +publish +7 +0$/m);
  const event = "2026-11-22T10:00:00.005Z POST /users of diku, event event-1";
  deepEqual(
    text.split("\n").filter((line) => line.includes("newest")),
    [
      `audit rule 2, newest: ${event}: would go to kafka1:prod.users, key "diku/1"`,
      `audit rule 3, newest: ${event}: would be dead, for kafka1:x.{module}: the event has no value for {module} of the topic`,
      `audit rule 4, newest: ${event.replace("POST /users", "GET /\\u{1b}[2J")}: would be ignored`,
    ],
  );
  ok(!needsAttention(report({ shadows })));
  ok(!printStatus(report()).includes("shadow"));
});

test("rules in shadow beyond fifty are counted", () => {
  const shadows = Array.from({ length: 60 }, (_, index) => ({
    stream: "audit",
    rule: index + 1,
    action: "publish" as const,
    matched: 0,
    wouldAct: 0,
    samples: [],
  }));
  const text = printStatus(report({ shadows }));
  match(text, /^audit +50 +publish/m);
  match(text, /^and 10 more: see --json$/m);
  ok(!/^audit +51 +publish/m.test(text));
});

test("a full log doesn't hide what its destination suffers from: both are said, each with what to do", () => {
  const over = destination({
    spoolBytes: 9.5 * 2 ** 30,
    trouble: { code: "SST_SPOOL_FULL", message: "it held 9 bytes an hour ago", sinceMs: 0 },
    transmit: { ...TRANSMIT, state: "paused", lastError: { code: "SST_DESTINATION_REFUSED", message: "too large", atMs: 0 } },
  });
  const lines = printStatus(report({ destinations: [over] })).split("\n");
  const from = lines.findIndex((line) => line.startsWith("kafka1 "));
  match(lines[from] ?? "", /^kafka1 +NO ROOM, paused +9\.5 GiB +10\.0 GiB +3 +0 +SST_SPOOL_FULL: the log is full, 9\.5 of 10\.0 GiB$/);
  deepEqual(lines.slice(from + 1, from + 4), [
    "kafka1: SST_DESTINATION_REFUSED: too large (it is paused)",
    `SST_SPOOL_FULL: ${ERRORS.SST_SPOOL_FULL.hint}`,
    `SST_DESTINATION_REFUSED: ${ERRORS.SST_DESTINATION_REFUSED.hint}`,
  ]);
});

const ORPHAN = { name: "old", pending: 3, deadLetters: 1, bytes: 2048, problems: 0 };

test("an orphaned log stands among the destinations, with what waits in it and what to do, and needs somebody", () => {
  const orphaned = report({ orphaned: ["old"] });
  const text = printStatus(orphaned, [ORPHAN]);
  match(text, /^old +ORPHANED +2\.0 KiB +0 +1 +3 messages wait, NOT sent: see below$/m);
  match(text, /^orphaned log old: .*3 messages wait, its dead letters stay\. `sidestream spool adopt old .*`sidestream spool purge old`/m);
  ok(needsAttention(orphaned, [ORPHAN]));
  ok(needsAttention(orphaned, [{ ...ORPHAN, pending: null }]), "it can't be told what waits");
  ok(!needsAttention(orphaned, [{ ...ORPHAN, pending: 0 }]), "only dead letters are left");
});

const blocked = (code: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ lane: `users-${index}`, code, message: "it waits" }));

test("lanes that don't get on are named with their errors, the first five, and the others counted", () => {
  const transmit = { ...TRANSMIT, lanesBlocked: 12, blocked: blocked("SST_LANE_UNAVAILABLE", 10) };
  const text = printStatus(report({ destinations: [destination({ transmit })] }));
  match(text, /^kafka1 +up +.* 12 lanes blocked, see below$/m);
  equal(text.match(/^kafka1: lane users-\d is blocked: SST_LANE_UNAVAILABLE: it waits$/gm)?.length, 5);
  match(text, /^kafka1: 7 lanes more blocked$/m);
  ok(!needsAttention(report({ destinations: [destination({ transmit })] })), "that passes by itself");
});

test("a lane that waits for a person needs attention while the others get on", () => {
  for (const code of ["SST_TOPIC_MISSING", "SST_DESTINATION_FORBIDDEN", "SST_IDENTITY_CHANGED"]) {
    const over = { destinations: [destination({ transmit: { ...TRANSMIT, lanesBlocked: 1, blocked: blocked(code, 1) } })] };
    match(printStatus(report(over)), /^kafka1 +up +.* 1 lane blocked, see below$/m);
    ok(needsAttention(report(over)), code);
  }
});

test("tenants that are held back are named with what they hold, the first five, the others counted, and need somebody", () => {
  const heldBack = Array.from({ length: 10 }, (_, index) => ({ tenant: `college${index}`, bytes: 3 * 2 ** 20, sinceMs: 0 }));
  const over = { destinations: [destination({ tenantsHeldBack: 12, heldBack })] };
  const text = printStatus(report(over));
  match(text, /^kafka1 +up +.* 12 tenants held back, see below$/m);
  equal(text.match(/^kafka1: tenant college\d is held back: 3\.0 MiB of it wait, over its share$/gm)?.length, 5);
  match(text, /^kafka1: 7 tenants more held back$/m);
  match(text, /^SST_TENANT_SHARE: The tenant has more waiting than its share/m);
  ok(needsAttention(report(over)));
});

test("what a driver had to say is shown", () => {
  match(
    printStatus(report({ destinations: [destination({ notices: ["min.insync.replicas is 1"] })] })),
    /^kafka1: note: min\.insync\.replicas is 1$/m,
  );
});

test("the version is the package's", () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  equal(VERSION, version);
});
