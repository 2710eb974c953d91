/**
 * Metrics for Prometheus, made from a snapshot when they are scraped.
 *
 * Promise: nothing is counted here, so a scrape costs the hot path nothing. An engine that doesn't answer fails no
 * scrape: the last numbers stay and `sidestream_snapshot_fresh` says 0. The number of tenant labels is bounded, and a
 * tenant that has one keeps it, so that no counter jumps. docs/metrics.md lists every name; a test keeps the two alike.
 */
import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";
import { conservationDifference } from "./conservation.ts";
import type { MessageCounts } from "./conservation.ts";
import type { Snapshot } from "./snapshot.ts";
import { sampleLines } from "./source-samples.ts";

/** Tenants with labels of their own; the rest are summed. */
const TENANT_LABELS_MAX = 5000;
/** Orphaned logs with labels of their own; the rest are summed. More than a few are rare. */
const ORPHAN_LABELS_MAX = 100;
/** Shadow rules with labels of their own; the rest are summed. Who tries a rule tries a few. */
const SHADOW_LABELS_MAX = 1000;
/** The label that the rest get. */
export const OTHERS = "other";
/** Prometheus gives up after 10 s by default; a scrape with old numbers must come before. */
const SNAPSHOT_WAIT_MS = 2000;
const MILLISECONDS_PER_SECOND = 1000;

export interface MetricsOptions {
  /** Asks all parts for their counts. */
  readonly collect: () => Promise<Snapshot>;
  readonly build: { readonly version: string };
  readonly tenantLabelsMax?: number;
  readonly snapshotWaitMs?: number;
}

export interface Metrics {
  /** Value of the header content-type that goes with the text. */
  readonly contentType: string;
  /** All metrics in Prometheus's text format. Calls that come while one is being made share it. Never rejects over a snapshot. */
  text(): Promise<string>;
}

interface LabelledCount {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

/** Opens the metrics of one process. */
export function createMetrics({
  collect,
  build,
  tenantLabelsMax = TENANT_LABELS_MAX,
  snapshotWaitMs = SNAPSHOT_WAIT_MS,
}: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const published = defineMetrics(registry);
  published.buildInfo.set({ version: build.version, node: process.versions.node }, 1);
  const labelled = new Set<string>();
  const tenantLabel = (tenant: string): string => {
    if (labelled.has(tenant)) return tenant;
    if (labelled.size >= tenantLabelsMax) return OTHERS;
    labelled.add(tenant);
    return tenant;
  };

  let samples = "";

  async function scrape(): Promise<string> {
    const snapshot = await withinTime(collect, snapshotWaitMs);
    published.snapshotFresh.set(snapshot === null ? 0 : 1);
    if (snapshot !== null) {
      publish(published, snapshot, tenantLabel);
      samples = sampleLines(snapshot.sources);
    }
    return (await registry.metrics()) + samples;
  }

  let running: Promise<string> | null = null;
  return {
    contentType: registry.contentType,
    text() {
      running ??= scrape().finally(() => {
        running = null;
      });
      return running;
    },
  };
}

/** The answer, or null when it fails or takes too long. What is late is not waited for: the next scrape asks again. */
async function withinTime(collect: () => Promise<Snapshot>, waitMs: number): Promise<Snapshot | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, waitMs, null);
  try {
    return await Promise.race([collect(), late]);
  } catch {
    // Whoever answers for the snapshot logs why it failed; here only that it did is told.
    return null;
  } finally {
    clearTimeout(timer);
  }
}

type Published = ReturnType<typeof defineMetrics>;

function defineMetrics(registry: Registry) {
  const registers = [registry];
  const perMessage = ["stream", "tenant", "destination"];
  const counter = (name: string, help: string, labelNames: readonly string[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  return {
    accepted: counter("sidestream_messages_accepted_total", "Messages that a rule made.", perMessage),
    delivered: counter("sidestream_messages_delivered_total", "Messages that the destination acknowledged.", perMessage),
    dead: counter("sidestream_messages_dead_total", "Messages set aside with a reason.", perMessage),
    dropped: counter("sidestream_messages_dropped_total", "Messages given up, by reason.", [...perMessage, "reason"]),
    pending: gauge("sidestream_messages_pending", "Messages still to be delivered.", perMessage),
    difference: gauge("sidestream_conservation_difference_messages", "Messages that are unaccounted for; anything but 0 is a fault.", [
      "stream",
      "destination",
    ]),
    captured: counter("sidestream_edge_captured_total", "Events handed to the engine.", ["source"]),
    lost: counter("sidestream_edge_lost_total", "Events that went by uncaptured, by reason.", ["source", "route", "reason"]),
    unreadable: counter("sidestream_edge_unreadable_total", "Records that reached the engine damaged.", []),
    unidentified: counter("sidestream_events_unidentified_total", "Events whose owner could not be told; they made no message.", []),
    shadowMatches: counter("sidestream_shadow_matches_total", "Events for which a rule in shadow held.", ["stream", "rule"]),
    shadowWouldAct: counter(
      "sidestream_shadow_would_act_total",
      "Events for which a rule in shadow would have made a message, or ignored what its stream made.",
      ["stream", "rule"],
    ),
    spoolBytes: gauge("sidestream_spool_bytes", "Bytes of the destination's log on disk.", ["destination"]),
    spoolLimit: gauge("sidestream_spool_limit_bytes", "Bytes that the destination's log may take.", ["destination"]),
    oldestUnsent: gauge("sidestream_spool_oldest_unsent_age_seconds", "Age of the oldest message still to be delivered.", ["destination"]),
    spoolStopped: gauge("sidestream_spool_stopped", "1 when the destination's log takes nothing more in until a restart.", ["destination"]),
    destinationHeld: gauge("sidestream_destination_held", "1 while somebody holds the destination: nothing is sent to it.", [
      "destination",
    ]),
    archiveBytes: gauge("sidestream_archive_bytes", "Bytes of delivered messages kept for a replay.", ["destination"]),
    orphanedLogs: gauge("sidestream_orphaned_logs", "Logs whose destination the configuration doesn't name."),
    orphanedPending: gauge("sidestream_orphaned_messages_pending", "Messages that wait in a log that nobody sends.", ["log"]),
    eventLogBytes: gauge("sidestream_event_log_bytes", "Bytes of the events that are kept."),
    eventLogWritten: counter("sidestream_event_log_written_total", "Events that were kept.", []),
    eventLogDropped: counter("sidestream_event_log_dropped_total", "Events that were left out of those that are kept, by reason.", [
      "reason",
    ]),
    destinationUp: gauge("sidestream_destination_up", "1 when the last attempt to reach the destination succeeded.", ["destination"]),
    engineRestarts: counter("sidestream_engine_restarts_total", "Times the engine was started anew after it died.", []),
    loopDelay: gauge("sidestream_edge_loop_delay_seconds", "How late the edge's event loop ran.", ["quantile"]),
    snapshotFresh: gauge(
      "sidestream_snapshot_fresh",
      "1 when the numbers are of this scrape, 0 when the engine did not answer and they are older.",
    ),
    buildInfo: gauge("sidestream_build_info", "Always 1; the labels tell the release.", ["version", "node"]),
  };
}

/** Writes a snapshot into the metrics, in one go: no scrape sees half of it. */
function publish(published: Published, snapshot: Snapshot, tenantLabel: (tenant: string) => string): void {
  publishMessages(published, snapshot.messages, tenantLabel);

  for (const metric of [published.captured, published.lost, published.unreadable, published.unidentified]) metric.reset();
  const { captured, lost, unreadable } = snapshot.edge;
  for (const { source, count } of captured) published.captured.inc({ source }, count);
  for (const { source, route, reason, count } of lost) published.lost.inc({ source, route, reason }, count);
  published.unreadable.inc(unreadable);
  published.unidentified.inc(snapshot.unidentified);

  publishShadows(published, snapshot);
  publishDestinations(published, snapshot);
  publishKeptEvents(published, snapshot.keptEvents);

  published.engineRestarts.reset();
  published.engineRestarts.inc(snapshot.engineRestarts);
  published.loopDelay.set({ quantile: "0.5" }, snapshot.edgeLoopDelay.medianMs / MILLISECONDS_PER_SECOND);
  published.loopDelay.set({ quantile: "0.99" }, snapshot.edgeLoopDelay.percentile99Ms / MILLISECONDS_PER_SECOND);
  published.loopDelay.set({ quantile: "1" }, snapshot.edgeLoopDelay.maxMs / MILLISECONDS_PER_SECOND);
}

function publishShadows({ shadowMatches, shadowWouldAct }: Published, { shadows }: Snapshot): void {
  for (const metric of [shadowMatches, shadowWouldAct]) metric.reset();
  for (const [index, { stream, rule, matched, wouldAct }] of shadows.entries()) {
    const labels = index < SHADOW_LABELS_MAX ? { stream, rule: String(rule) } : { stream: OTHERS, rule: OTHERS };
    shadowMatches.inc(labels, matched);
    shadowWouldAct.inc(labels, wouldAct);
  }
}

function publishDestinations(published: Published, snapshot: Snapshot): void {
  const { spoolBytes, spoolLimit, oldestUnsent, destinationUp, destinationHeld, spoolStopped, archiveBytes, orphanedPending } = published;
  for (const metric of [spoolBytes, spoolLimit, oldestUnsent, destinationUp, destinationHeld, spoolStopped, archiveBytes, orphanedPending])
    metric.reset();
  for (const state of snapshot.destinations) {
    const labels = { destination: state.destination };
    spoolBytes.set(labels, state.spoolBytes);
    spoolLimit.set(labels, state.spoolBytesMax);
    oldestUnsent.set(labels, state.oldestUnsentMs / MILLISECONDS_PER_SECOND);
    destinationUp.set(labels, state.up ? 1 : 0);
    destinationHeld.set(labels, state.held === null ? 0 : 1);
    spoolStopped.set(labels, state.stopped === null ? 0 : 1);
    if (state.archive !== null) archiveBytes.set(labels, state.archive.bytes);
  }
  published.orphanedLogs.set(snapshot.orphaned.length);
  for (const [index, { log, messages }] of snapshot.orphanedPending.entries())
    orphanedPending.inc({ log: index < ORPHAN_LABELS_MAX ? log : OTHERS }, messages);
}

function publishKeptEvents({ eventLogBytes, eventLogWritten, eventLogDropped }: Published, kept: Snapshot["keptEvents"]): void {
  for (const metric of [eventLogWritten, eventLogDropped]) metric.reset();
  eventLogBytes.set(kept?.bytes ?? 0);
  if (kept === null) return;
  const { behind, noRoom, failed, unmade } = kept.dropped;
  eventLogWritten.inc(kept.written);
  for (const [reason, count] of Object.entries({ behind, "no-room": noRoom, failed, unmade })) eventLogDropped.inc({ reason }, count);
}

function publishMessages(published: Published, all: readonly MessageCounts[], tenantLabel: (tenant: string) => string): void {
  const { accepted, delivered, dead, dropped, pending, difference } = published;
  for (const metric of [accepted, delivered, dead, dropped, pending, difference]) metric.reset();
  const differences = new Map<string, LabelledCount>();
  for (const counts of all) {
    const { stream, destination } = counts;
    const labels = { stream, tenant: tenantLabel(counts.tenant), destination };
    // Adding, not setting: several tenants may share the label `other`.
    accepted.inc(labels, counts.accepted);
    delivered.inc(labels, counts.delivered);
    dead.inc(labels, counts.dead);
    pending.inc(labels, counts.pending);
    for (const [reason, count] of Object.entries(counts.dropped)) dropped.inc({ ...labels, reason }, count);

    const key = JSON.stringify([stream, destination]);
    const sum = differences.get(key) ?? { labels: { stream, destination }, value: 0 };
    // The size, so that a message lost by one tenant and one made up for another don't cancel out.
    sum.value += Math.abs(conservationDifference(counts));
    differences.set(key, sum);
  }
  for (const { labels, value } of differences.values()) difference.set(labels, value);
}
