/** What `sidestream status` shows: made in the running program, printed by the command. */
import type { Loaded } from "../config/load.ts";
import { ERRORS, type ErrorCode } from "../errors.ts";
import type { EdgeStatus } from "../flow/edge.ts";
import type { FlowSnapshot } from "../flow/flow.ts";
import { orphanedText } from "../flow/orphan-acts.ts";
import { bytesText } from "../observe/bytes-text.ts";
import { conservationBreaches, droppedOf, type ConservationBreach, type MessageCounts } from "../observe/conservation.ts";
import { VERSION } from "../version.ts";
import { table } from "./output.ts";

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

type Destination = FlowSnapshot["destinations"][number];

/** Lanes named for each destination; `--json` has up to ten. */
const LANES_MAX = 5;
/** Tenants held back that are named for each destination; `--json` has up to ten. */
const TENANTS_MAX = 5;
/** What a lane waits for that doesn't pass by itself: a topic, a right, a decision. */
const WAITS_FOR_PERSON: ReadonlySet<string> = new Set<ErrorCode>([
  "SST_DESTINATION_FORBIDDEN",
  "SST_DESTINATION_LOGIN",
  "SST_DESTINATION_TLS",
  "SST_IDENTITY_CHANGED",
  "SST_TOPIC_MISSING",
]);

/** What an operator should know of a destination first; empty when all is well. */
function problemOf({ stopped, trouble, transmit, tenantsHeldBack, deadLetters }: Destination): string {
  if (stopped !== null) return stopped;
  if (trouble !== null) return `${trouble.code}: ${trouble.message}`;
  if (transmit !== null && transmit.state !== "up" && transmit.lastError !== null)
    return `${transmit.lastError.code}: ${transmit.lastError.message}`;
  if (tenantsHeldBack > 0) return `${tenantsText(tenantsHeldBack)} held back, see below`;
  if (transmit !== null && transmit.lanesBlocked > 0) return `${lanesText(transmit.lanesBlocked)} blocked, see below`;
  return deadLetters.lastReason === null ? "" : `last dead letter: ${deadLetters.lastReason}`;
}

/** True when something needs a person now. */
export function needsAttention(report: StatusReport): boolean {
  const isIll = ({ stopped, trouble, tenantsHeldBack, transmit }: Destination) =>
    stopped !== null ||
    trouble !== null ||
    tenantsHeldBack > 0 ||
    transmit?.state === "down" ||
    transmit?.state === "paused" ||
    transmit?.blocked.some(({ code }) => WAITS_FOR_PERSON.has(code)) === true;
  return report.breaches.length > 0 || !report.engineUp || report.destinations.some(isIll);
}

/** Rows of messages shown; `--json` has all. */
const ROWS_MAX = 50;

/** The report as text for people. */
export function printStatus(report: StatusReport): string {
  const parts = [
    `sidestream ${report.version}, instance ${report.instance}, process ${report.pid}, up ${report.uptimeSeconds} s\n`,
    `engine ${report.engineUp ? "up" : "DOWN"}, restarted ${report.engineRestarts} times\n`,
    ...report.sources.map(({ source, address }) => `source ${source} listens on ${address}\n`),
    "\n",
    table(
      ["destination", "state", "spool", "of", "in flight", "dead letters", "problem"],
      report.destinations.map((destination) => [
        destination.destination,
        destination.stopped !== null ? "STOPPED" : destination.trouble === null ? (destination.transmit?.state ?? "dormant") : "NO ROOM",
        bytesText(destination.spoolBytes),
        bytesText(destination.spoolBytesMax),
        destination.transmit?.inFlight ?? 0,
        destination.deadLetters.messages,
        problemOf(destination),
      ]),
    ),
    ...report.destinations.flatMap(tenantsOf),
    ...report.destinations.flatMap(lanesOf),
    ...report.destinations.flatMap(({ destination, notices }) => notices.map((notice) => `${destination}: note: ${notice}\n`)),
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
  for (const { source, route, reason, count } of report.edge.lost) {
    parts.push(`source ${source}, route ${route}: ${count} events went by uncaptured (${reason})\n`);
  }
  if (report.edge.unreadable > 0) parts.push(`${report.edge.unreadable} records reached the engine damaged: please report it\n`);
  if (report.unidentified > 0) parts.push(`${report.unidentified} events had no tenant that could be told and made no message\n`);
  for (const { kind, name, reason } of report.dormant) parts.push(`dormant ${kind} ${name}: ${reason}\n`);
  for (const name of report.orphaned) parts.push(`${orphanedText(name)}\n`);
  for (const { stream, tenant, destination, difference } of report.breaches) {
    parts.push(`NOT CONSERVED: ${stream}, ${tenant}, ${destination}: ${difference} messages unaccounted for\n`);
  }
  return parts.join("");
}

/** The tenants that are over their share, whose messages are turned away; those of others are kept. */
function tenantsOf({ destination, tenantsHeldBack, heldBack }: Destination): readonly string[] {
  if (tenantsHeldBack === 0) return [];
  const named = heldBack.slice(0, TENANTS_MAX);
  const lines = named.map(
    ({ tenant, bytes }) => `${destination}: tenant ${tenant} is held back: ${bytesText(bytes)} of it wait, over its share\n`,
  );
  const more = tenantsHeldBack - named.length;
  return [
    ...lines,
    ...(more > 0 ? [`${destination}: ${tenantsText(more)} more held back\n`] : []),
    `SST_TENANT_SHARE: ${ERRORS.SST_TENANT_SHARE.hint}\n`,
  ];
}

/** The lanes that don't get on, and why; the others do. */
function lanesOf({ destination, transmit }: Destination): readonly string[] {
  if (transmit === null) return [];
  const named = transmit.blocked.slice(0, LANES_MAX);
  const lines = named.map(({ lane, code, message }) => `${destination}: lane ${lane} is blocked: ${code}: ${message}\n`);
  const hints = [...new Set(named.map(({ code }) => code))].flatMap((code) =>
    code in ERRORS ? [`${code}: ${ERRORS[code as ErrorCode].hint}\n`] : [],
  );
  const more = transmit.lanesBlocked - named.length;
  return [...lines, ...(more > 0 ? [`${destination}: ${lanesText(more)} more blocked\n`] : []), ...hints];
}

function lanesText(count: number): string {
  return `${count} ${count === 1 ? "lane" : "lanes"}`;
}

function tenantsText(count: number): string {
  return `${count} ${count === 1 ? "tenant" : "tenants"}`;
}
