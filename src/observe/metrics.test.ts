import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import type { MessageCounts } from "./conservation.ts";
import { createMetrics } from "./metrics.ts";
import type { Snapshot } from "./snapshot.ts";

const counts: MessageCounts = {
  stream: "users-audit",
  tenant: "diku",
  destination: "file1",
  accepted: 10,
  delivered: 6,
  dead: 1,
  dropped: { "drop-newest": 1 },
  pending: 2,
};

const snapshot: Snapshot = {
  messages: [counts],
  edge: {
    captured: [{ source: "front", count: 40 }],
    lost: [
      { source: "front", route: "/users/*", reason: "no-room", count: 3 },
      { source: "front", route: "/users/*", reason: "stream", count: 1 },
    ],
    unreadable: 2,
  },
  sources: [{ source: "front", samples: { sidestream_gateway_rejected_total: 5 } }],
  unidentified: 7,
  shadows: [{ stream: "users-audit", rule: 3, action: "publish", matched: 9, wouldAct: 4 }],
  destinations: [
    {
      destination: "file1",
      spoolBytes: 4096,
      spoolBytesMax: 1_048_576,
      oldestUnsentMs: 1500,
      up: true,
      stopped: null,
      held: null,
      archive: { files: 2, bytes: 1_000, removed: 0 },
    },
  ],
  orphaned: ["old", "older"],
  orphanedPending: [{ log: "old", messages: 12 }],
  keptEvents: { bytes: 900, bytesMax: 1_000, files: 2, written: 30, dropped: { behind: 1, noRoom: 4, failed: 0, unmade: 0 } },
  engineRestarts: 2,
  edgeLoopDelay: { medianMs: 1, percentile99Ms: 4, maxMs: 20 },
};

const build = { version: "1.2.3" };

/** The samples of one metric: label text to value. */
function samples(text: string, name: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const parts = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/u.exec(line);
    if (parts?.[1] === name) found[parts[2] ?? ""] = Number(parts[3]);
  }
  return found;
}

const inFile = 'stream="users-audit",tenant="diku",destination="file1"';

test("a snapshot's numbers are published under their names and labels", async () => {
  const text = await createMetrics({ collect: async () => snapshot, build }).text();
  deepEqual(samples(text, "sidestream_messages_accepted_total"), { [inFile]: 10 });
  deepEqual(samples(text, "sidestream_messages_delivered_total"), { [inFile]: 6 });
  deepEqual(samples(text, "sidestream_messages_dead_total"), { [inFile]: 1 });
  const dropped = samples(text, "sidestream_messages_dropped_total");
  deepEqual(Object.values(dropped), [1]);
  match(Object.keys(dropped)[0] ?? "", /reason="drop-newest"/u);
  deepEqual(samples(text, "sidestream_messages_pending"), { [inFile]: 2 });
  deepEqual(samples(text, "sidestream_conservation_difference_messages"), { 'stream="users-audit",destination="file1"': 0 });
  deepEqual(samples(text, "sidestream_edge_captured_total"), { 'source="front"': 40 });
  deepEqual(samples(text, "sidestream_archive_bytes"), { 'destination="file1"': 1_000 });
  deepEqual(samples(text, "sidestream_edge_lost_total"), {
    'source="front",route="/users/*",reason="no-room"': 3,
    'source="front",route="/users/*",reason="stream"': 1,
  });
  deepEqual(samples(text, "sidestream_shadow_matches_total"), { 'stream="users-audit",rule="3"': 9 });
  deepEqual(samples(text, "sidestream_shadow_would_act_total"), { 'stream="users-audit",rule="3"': 4 });
  deepEqual(samples(text, "sidestream_spool_bytes"), { 'destination="file1"': 4096 });
  deepEqual(samples(text, "sidestream_spool_limit_bytes"), { 'destination="file1"': 1_048_576 });
  deepEqual(samples(text, "sidestream_spool_oldest_unsent_age_seconds"), { 'destination="file1"': 1.5 });
  deepEqual(samples(text, "sidestream_destination_up"), { 'destination="file1"': 1 });
  deepEqual(samples(text, "sidestream_spool_stopped"), { 'destination="file1"': 0 });
  deepEqual(samples(text, "sidestream_orphaned_logs"), { "": 2 });
  deepEqual(samples(text, "sidestream_orphaned_messages_pending"), { 'log="old"': 12 });
  deepEqual(samples(text, "sidestream_event_log_bytes"), { "": 900 });
  deepEqual(samples(text, "sidestream_event_log_written_total"), { "": 30 });
  deepEqual(samples(text, "sidestream_event_log_dropped_total"), {
    'reason="behind"': 1,
    'reason="no-room"': 4,
    'reason="failed"': 0,
    'reason="unmade"': 0,
  });
  deepEqual(samples(text, "sidestream_engine_restarts_total"), { "": 2 });
  deepEqual(samples(text, "sidestream_edge_loop_delay_seconds"), {
    'quantile="0.5"': 0.001,
    'quantile="0.99"': 0.004,
    'quantile="1"': 0.02,
  });
  deepEqual(samples(text, "sidestream_build_info"), { [`version="1.2.3",node="${process.versions.node}"`]: 1 });
  deepEqual(samples(text, "sidestream_snapshot_fresh"), { "": 1 });
});

test("the process's own metrics are there too", async () => {
  const text = await createMetrics({ collect: async () => snapshot, build }).text();
  ok((samples(text, "process_resident_memory_bytes")[""] ?? 0) > 0);
});

test("a second scrape shows the new numbers, not their sum", async () => {
  let latest = snapshot;
  const metrics = createMetrics({ collect: async () => latest, build });
  await metrics.text();
  latest = { ...snapshot, messages: [{ ...counts, accepted: 11, pending: 3 }], destinations: [] };
  const text = await metrics.text();
  deepEqual(samples(text, "sidestream_messages_accepted_total"), { [inFile]: 11 });
  deepEqual(samples(text, "sidestream_engine_restarts_total"), { "": 2 });
  deepEqual(samples(text, "sidestream_destination_up"), {});
});

test("a message that is nowhere shows as a difference, and one made up elsewhere doesn't hide it", async () => {
  const messages = [
    { ...counts, pending: 1 },
    { ...counts, tenant: "testlib", pending: 3 },
  ];
  const text = await createMetrics({ collect: async () => ({ ...snapshot, messages }), build }).text();
  deepEqual(samples(text, "sidestream_conservation_difference_messages"), { 'stream="users-audit",destination="file1"': 2 });
});

test("tenants beyond the limit are summed, and those with a label keep it", async () => {
  const tenants = ["a", "b", "c", "d"].map((tenant) => ({ ...counts, tenant }));
  let latest: Snapshot = { ...snapshot, messages: tenants.slice(0, 2) };
  const metrics = createMetrics({ collect: async () => latest, build, tenantLabelsMax: 2 });
  await metrics.text();
  latest = { ...snapshot, messages: tenants.toReversed() };
  deepEqual(samples(await metrics.text(), "sidestream_messages_accepted_total"), {
    'stream="users-audit",tenant="other",destination="file1"': 20,
    'stream="users-audit",tenant="b",destination="file1"': 10,
    'stream="users-audit",tenant="a",destination="file1"': 10,
  });
});

test("a log that stopped shows as 1, and an orphaned log that is none any more doesn't show", async () => {
  let latest = snapshot;
  const metrics = createMetrics({ collect: async () => latest, build });
  await metrics.text();
  const destinations = snapshot.destinations.map((state) => ({ ...state, stopped: "EIO" }));
  latest = { ...snapshot, destinations, orphaned: [], orphanedPending: [] };
  const text = await metrics.text();
  deepEqual(samples(text, "sidestream_spool_stopped"), { 'destination="file1"': 1 });
  deepEqual(samples(text, "sidestream_orphaned_logs"), { "": 0 });
  deepEqual(samples(text, "sidestream_orphaned_messages_pending"), {});
});

test("orphaned logs beyond a hundred are summed", async () => {
  const orphanedPending = Array.from({ length: 110 }, (_, index) => ({ log: `log${index}`, messages: 2 }));
  const text = await createMetrics({ collect: async () => ({ ...snapshot, orphanedPending }), build }).text();
  const shown = samples(text, "sidestream_orphaned_messages_pending");
  equal(Object.keys(shown).length, 101);
  equal(shown['log="other"'], 20);
});

test("shadow rules beyond a thousand are summed, and a second scrape adds nothing up", async () => {
  const shadows = Array.from({ length: 1_010 }, (_, index) => ({
    stream: "tried",
    rule: index + 1,
    action: "ignore" as const,
    matched: 2,
    wouldAct: 1,
  }));
  const metrics = createMetrics({ collect: async () => ({ ...snapshot, shadows }), build });
  await metrics.text();
  const text = await metrics.text();
  const matches = samples(text, "sidestream_shadow_matches_total");
  equal(Object.keys(matches).length, 1_001);
  equal(matches['stream="other",rule="other"'], 20);
  equal(samples(text, "sidestream_shadow_would_act_total")['stream="tried",rule="1"'], 1);
});

test("a label with quotes and line breaks can't forge a line", async () => {
  const messages = [{ ...counts, tenant: 'x"} 1\nsidestream_engine_restarts_total 99' }];
  const text = await createMetrics({ collect: async () => ({ ...snapshot, messages }), build }).text();
  deepEqual(samples(text, "sidestream_engine_restarts_total"), { "": 2 });
});

test("an engine that fails to answer fails no scrape; the last numbers stay, marked as old", async () => {
  let answers = true;
  const metrics = createMetrics({ collect: async () => (answers ? snapshot : Promise.reject(new Error("engine is gone"))), build });
  await metrics.text();
  answers = false;
  const text = await metrics.text();
  deepEqual(samples(text, "sidestream_messages_accepted_total"), { [inFile]: 10 });
  deepEqual(samples(text, "sidestream_snapshot_fresh"), { "": 0 });
});

test("an engine that doesn't answer in time fails no scrape", async () => {
  const { promise: never } = Promise.withResolvers<Snapshot>();
  const text = await createMetrics({ collect: () => never, build, snapshotWaitMs: 1 }).text();
  deepEqual(samples(text, "sidestream_snapshot_fresh"), { "": 0 });
});

test("scrapes at the same time ask for one snapshot", async () => {
  let asked = 0;
  const collect = async (): Promise<Snapshot> => {
    asked += 1;
    return snapshot;
  };
  const metrics = createMetrics({ collect, build });
  const [first, second] = await Promise.all([metrics.text(), metrics.text()]);
  equal(asked, 1);
  equal(first, second);
});
