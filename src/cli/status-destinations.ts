/**
 * The destinations in `sidestream status`: a table, and below it whatever doesn't fit into a row.
 *
 * Promise: all that is wrong with a destination is said, each with its code, and each code once with what to do about it.
 */
import { ERRORS, type ErrorCode } from "../errors.ts";
import type { FlowSnapshot } from "../flow/flow-snapshot.ts";
import { bytesOfText, bytesText } from "../observe/bytes-text.ts";
import { holdText } from "../flow/hold.ts";
import type { OrphanReport } from "./orphan-report.ts";
import { counted, harmless, table } from "./output.ts";

export type Destination = FlowSnapshot["destinations"][number];

interface Problem {
  /** Null: it needs no hint. */
  readonly code: string | null;
  readonly text: string;
}

/** Lanes named for each destination; `--json` has up to ten. */
const LANES_MAX = 5;
/** Tenants held back that are named for each destination; `--json` has up to ten. */
const TENANTS_MAX = 5;

/** @returns Lines with their ends. */
export function printDestinations(destinations: readonly Destination[], orphans: readonly OrphanReport[]): string {
  const problems = new Map(destinations.map((destination) => [destination, problemsOf(destination)]));
  const rows = destinations.map((destination) => [
    destination.destination,
    stateOf(destination),
    bytesText(destination.spoolBytes),
    bytesText(destination.spoolBytesMax),
    destination.transmit?.inFlight ?? 0,
    destination.deadLetters.messages,
    problems.get(destination)?.[0]?.text ?? "",
  ]);
  const orphaned = orphans.map(({ name, bytes, deadLetters, pending }) => [
    name,
    "ORPHANED",
    bytesText(bytes),
    "",
    0,
    deadLetters,
    pending === 0 ? "no destination of that name is configured" : `${waitingText(pending)}, NOT sent: see below`,
  ]);
  const more = [...problems].flatMap(([{ destination }, of]) => of.slice(1).map(({ text }) => `${destination}: ${text}\n`));
  return [
    table(["destination", "state", "spool", "of", "in flight", "dead letters", "problem"], [...rows, ...orphaned]),
    ...more,
    ...destinations.flatMap(stoppedOf),
    ...destinations.flatMap(heldOf),
    ...destinations.flatMap(tenantsOf),
    ...destinations.flatMap(memoryOf),
    ...destinations.flatMap(lanesOf),
    ...hintsOf(destinations, [...problems.values()].flat()),
    ...destinations.flatMap(({ destination, notices }) => notices.map((notice) => `${destination}: note: ${notice}\n`)),
    ...orphans.flatMap(orphanLines),
  ].join("");
}

/** What becomes of new messages, and how the destination is: the one says nothing of the other. */
function stateOf({ stopped, held, trouble, transmit }: Destination): string {
  if (stopped !== null) return "STOPPED";
  const state = held === null ? (transmit?.state ?? "dormant") : "HELD";
  if (trouble === null) return state;
  return `${trouble.code === "SST_SPOOL_FULL" ? "NO ROOM" : "NOT KEPT"}, ${state}`;
}

/** What an operator should know of a destination, the most important first. */
function problemsOf(destination: Destination): readonly Problem[] {
  const { stopped, held, trouble, transmit, tenantsHeldBack, deadLetters, spoolBytes, spoolBytesMax } = destination;
  const problems: Problem[] = [];
  const add = (code: string | null, text: string): void => void problems.push({ code, text: code === null ? text : `${code}: ${text}` });
  if (held !== null) add(null, harmless(holdText(held)));
  if (stopped !== null) add(null, "takes nothing more in, see below");
  // How full it was when that was noticed is of no use now.
  else if (trouble?.code === "SST_SPOOL_FULL") add(trouble.code, `the log is full, ${bytesOfText(spoolBytes, spoolBytesMax)}`);
  else if (trouble !== null) add(trouble.code, trouble.message);
  const { state, lastError, lanesBlocked } = transmit ?? { state: "up", lastError: null, lanesBlocked: 0 };
  if (state !== "up" && lastError !== null)
    add(lastError.code, problems.length === 0 ? lastError.message : `${lastError.message} (it is ${state})`);
  if (tenantsHeldBack > 0) add(null, `${counted(tenantsHeldBack, "tenant")} held back, see below`);
  if (lanesBlocked > 0) add(null, `${counted(lanesBlocked, "lane")} blocked, see below`);
  if (problems.length === 0 && deadLetters.lastReason !== null) add(null, `last dead letter: ${deadLetters.lastReason}`);
  return problems;
}

function stoppedOf({ destination, stopped }: Destination): readonly string[] {
  return stopped === null ? [] : [`${destination}: STOPPED: ${stopped}\n`];
}

function heldOf({ destination, held }: Destination): readonly string[] {
  if (held === null) return [];
  return [
    `${destination}: HELD: nothing is sent to it, what comes is kept in its log. \`sidestream resume ${destination}\` lets it go on\n`,
  ];
}

/** The tenants that are over their share, whose messages are turned away; those of others are kept. */
function tenantsOf({ destination, tenantsHeldBack, heldBack }: Destination): readonly string[] {
  const named = heldBack.slice(0, TENANTS_MAX);
  const lines = named.map(
    ({ tenant, bytes }) => `${destination}: tenant ${tenant} is held back: ${bytesText(bytes)} of it wait, over its share\n`,
  );
  const more = tenantsHeldBack - named.length;
  return more > 0 ? [...lines, `${destination}: ${counted(more, "tenant")} more held back\n`] : lines;
}

/** Messages of `delivery: at-most-once`, which no spool holds. */
function memoryOf({ destination, memory }: Destination): readonly string[] {
  if (memory === null || memory.messages === 0) return [];
  const { messages, bytes } = memory;
  return [`${destination}: ${waitingText(messages)} in memory to be sent once (at-most-once), ${bytesText(bytes)}\n`];
}

/** The lanes that don't get on, and why; the others do. */
function lanesOf({ destination, transmit }: Destination): readonly string[] {
  if (transmit === null) return [];
  const named = transmit.blocked.slice(0, LANES_MAX);
  const lines = named.map(({ lane, code, message }) => `${destination}: lane ${lane} is blocked: ${code}: ${message}\n`);
  const more = transmit.lanesBlocked - named.length;
  return more > 0 ? [...lines, `${destination}: ${counted(more, "lane")} more blocked\n`] : lines;
}

function hintsOf(destinations: readonly Destination[], problems: readonly Problem[]): readonly string[] {
  const codes = new Set(problems.map(({ code }) => code));
  for (const { tenantsHeldBack, transmit } of destinations) {
    if (tenantsHeldBack > 0) codes.add("SST_TENANT_SHARE");
    for (const { code } of transmit?.blocked.slice(0, LANES_MAX) ?? []) codes.add(code);
  }
  return [...codes].flatMap((code) => (code !== null && code in ERRORS ? [`${code}: ${ERRORS[code as ErrorCode].hint}\n`] : []));
}

function orphanLines({ name, pending, deadLetters }: OrphanReport): readonly string[] {
  const held = [pending === 0 ? null : waitingText(pending), deadLetters === 0 ? null : `its dead letters stay`];
  const what = held.filter((part) => part !== null).join(", ");
  const choices = `\`sidestream spool adopt ${name} DESTINATION\` has another one deliver what waits, \`sidestream spool purge ${name}\` removes it`;
  return [
    `orphaned log ${name}: no destination of that name is configured, so nothing of it is sent${what === "" ? "" : `: ${what}`}. ${choices}\n`,
  ];
}

function waitingText(pending: number | null): string {
  return pending === null ? "messages that can't be counted wait" : `${counted(pending, "message")} ${pending === 1 ? "waits" : "wait"}`;
}
