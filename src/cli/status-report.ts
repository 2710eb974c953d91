/** What `sidestream status` shows: made in the running program, printed by the command. */
import type { Loaded } from "../config/load.ts";
import type { ErrorCode } from "../errors.ts";
import type { EdgeStatus } from "../flow/edge.ts";
import type { FlowSnapshot } from "../flow/flow-snapshot.ts";
import { bytesOfText } from "../observe/bytes-text.ts";
import { conservationBreaches, droppedOf, type ConservationBreach, type MessageCounts } from "../observe/conservation.ts";
import { VERSION } from "../version.ts";
import type { OrphanReport } from "./orphan-report.ts";
import { counted, harmless, table } from "./output.ts";
import { printDestinations, type Destination } from "./status-destinations.ts";
import { printShadows } from "./status-shadows.ts";

export interface StatusReport {
  readonly version: string;
  readonly instance: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly engineUp: boolean;
  readonly engineRestarts: number;
  readonly sources: EdgeStatus["sources"];
  readonly edge: EdgeStatus["edge"];
  readonly destinations: FlowSnapshot["destinations"];
  readonly messages: readonly MessageCounts[];
  /** Sums over everything, since the logs began. */
  readonly totals: {
    readonly accepted: number;
    readonly delivered: number;
    readonly dead: number;
    readonly dropped: number;
    readonly pending: number;
  };
  /** Empty when every accepted message is accounted for. */
  readonly breaches: readonly ConservationBreach[];
  readonly unidentified: number;
  /** What rules in shadow would have done, since the engine started. */
  readonly shadows: FlowSnapshot["shadows"];
  /** Null: no event is kept. Absent where a program of an earlier release tells. */
  readonly keptEvents?: EdgeStatus["keptEvents"];
  readonly orphaned: readonly string[];
  readonly dormant: Loaded["dormant"];
}

export function statusOf(loaded: Loaded, status: EdgeStatus): StatusReport {
  return {
    version: VERSION,
    instance: loaded.settings.instance,
    pid: process.pid,
    uptimeSeconds: Math.floor(process.uptime()),
    engineUp: status.engineUp,
    engineRestarts: status.engineRestarts,
    sources: status.sources,
    edge: status.edge,
    destinations: status.flow?.destinations ?? [],
    messages: status.messages,
    totals: totalsOf(status.messages),
    breaches: conservationBreaches(status.messages),
    unidentified: status.unidentified,
    shadows: status.flow?.shadows ?? [],
    keptEvents: status.keptEvents,
    orphaned: status.flow?.orphaned ?? [],
    dormant: loaded.dormant,
  };
}

function totalsOf(messages: readonly MessageCounts[]): StatusReport["totals"] {
  const totals = { accepted: 0, delivered: 0, dead: 0, dropped: 0, pending: 0 };
  for (const counts of messages) {
    totals.accepted += counts.accepted;
    totals.delivered += counts.delivered;
    totals.dead += counts.dead;
    totals.dropped += droppedOf(counts);
    totals.pending += counts.pending;
  }
  return totals;
}

/** What a lane waits for that doesn't pass by itself: a topic, a right, a decision. */
const WAITS_FOR_PERSON: ReadonlySet<string> = new Set<ErrorCode>([
  "SST_DESTINATION_FORBIDDEN",
  "SST_DESTINATION_LOGIN",
  "SST_DESTINATION_TLS",
  "SST_IDENTITY_CHANGED",
  "SST_TOPIC_MISSING",
]);

/** True when something needs a person now. */
export function needsAttention(report: StatusReport, orphans: readonly OrphanReport[] = []): boolean {
  const isIll = ({ stopped, held, trouble, tenantsHeldBack, transmit }: Destination) =>
    stopped !== null ||
    held !== null ||
    trouble !== null ||
    tenantsHeldBack > 0 ||
    transmit?.state === "down" ||
    transmit?.state === "paused" ||
    transmit?.blocked.some(({ code }) => WAITS_FOR_PERSON.has(code)) === true;
  const waits = orphans.some(({ pending }) => pending !== 0);
  const isTroubled = report.sources.some(({ troubles }) => troubles.length > 0);
  return report.breaches.length > 0 || !report.engineUp || report.destinations.some(isIll) || isTroubled || waits;
}

/** Whatever was lost or doubled is lost or doubled by now: what is left is to keep what tells why. */
const BREACH_HINT =
  "this should never be, and no setting mends it. Keep the log of the program and a copy of the data folder, run `sidestream spool inspect` (`spool fsck` once it is stopped) to see whether the disk lost something, and report it";

/** Rows of messages shown; `--json` has all. */
const ROWS_MAX = 50;

/**
 * The report as text for people.
 *
 * @param orphans - What is in the logs that the report names as orphaned.
 */
export function printStatus(report: StatusReport, orphans: readonly OrphanReport[] = []): string {
  const parts = [
    `sidestream ${report.version}, instance ${report.instance}, process ${report.pid}, up ${report.uptimeSeconds} s\n`,
    `engine ${report.engineUp ? "up" : "DOWN"}, restarted ${report.engineRestarts} times\n`,
    ...report.sources.flatMap(({ source, address, parts: sourceParts = [], troubles }) => [
      ...(address === null ? [] : [`source ${source} listens on ${address}\n`]),
      ...sourceParts.slice(0, ROWS_MAX).map((text) => `  ${harmless(text)}\n`),
      ...(sourceParts.length > ROWS_MAX ? [`  and ${sourceParts.length - ROWS_MAX} more: see --json\n`] : []),
      ...troubles.slice(0, ROWS_MAX).map((text) => `source ${source}: ${harmless(text)}\n`),
    ]),
    "\n",
    printDestinations(report.destinations, orphans),
    "\n",
    table(
      ["stream", "tenant", "destination", "accepted", "delivered", "dead", "dropped", "pending"],
      report.messages
        .slice(0, ROWS_MAX)
        .map((counts) => [
          counts.stream,
          counts.tenant,
          counts.destination,
          counts.accepted,
          counts.delivered,
          counts.dead,
          droppedOf(counts),
          counts.pending,
        ]),
    ),
  ];
  if (report.messages.length > ROWS_MAX) parts.push(`and ${report.messages.length - ROWS_MAX} more: see --json\n`);
  parts.push(printShadows(report.shadows));
  for (const { source, route, reason, count } of report.edge.lost) {
    parts.push(`source ${source}, route ${route}: ${count} events went by uncaptured (${reason})\n`);
  }
  if (report.edge.unreadable > 0) parts.push(`${report.edge.unreadable} records reached the engine damaged: please report it\n`);
  if (report.unidentified > 0) parts.push(`${report.unidentified} events had no tenant that could be told and made no message\n`);
  parts.push(...keptEventsLines(report.keptEvents));
  for (const { kind, name, reason } of report.dormant) parts.push(`dormant ${kind} ${name}: ${reason}\n`);
  for (const { stream, tenant, destination, difference } of report.breaches) {
    parts.push(`NOT CONSERVED: ${stream}, ${tenant}, ${destination}: ${difference} messages unaccounted for\n`);
  }
  if (report.breaches.length > 0) parts.push(`NOT CONSERVED: ${BREACH_HINT}\n`);
  return parts.join("");
}

function keptEventsLines(kept: StatusReport["keptEvents"]): readonly string[] {
  if (kept === null || kept === undefined) return [];
  const { behind, noRoom, failed, unmade } = kept.dropped;
  const left = behind + noRoom + failed + unmade;
  const why = `${noRoom} for want of room, ${behind} since the disk was too slow, ${failed} since it refused them, ${unmade} that could not be encoded`;
  const head = `event log: ${counted(kept.written, "event")} kept since the engine started, ${bytesOfText(kept.bytes, kept.bytesMax)}`;
  return [`${head}${left === 0 ? "" : `; ${left} left out: ${why}`}\n`];
}
