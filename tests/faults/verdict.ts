/**
 * What a fault run showed, and what follows: which promise was broken, and whether it was a test at all.
 *
 * Promise: a run passes only if it says nothing here. What couldn't be looked at counts as broken.
 */
import type { StatusReport } from "../../src/cli/status-report.ts";
import type { Finding, Judgement } from "./judgement.ts";
import type { Kind } from "./plan.ts";
import type { Recoveries } from "./sidestream.ts";
import { GROUPS, type Nodes, type Size } from "./size.ts";
import { IN_FLIGHT_MAX, type Delivery } from "./stage.ts";

export interface Outcome {
  readonly seed: number;
  readonly nodes: Nodes;
  readonly delivery: Delivery;
  readonly size: Size;
  readonly seconds: number;
  readonly requests: {
    readonly sent: number;
    readonly answered: number;
    /** Too large for the topic, of those that were answered and of all. */
    readonly largeAnswered: number;
    readonly largeSent: number;
  };
  /** Faults that were done, by kind and by moment. */
  readonly faults: Readonly<Partial<Record<Kind, number>>>;
  readonly moments: Readonly<Record<string, number>>;
  /** Moments that didn't come: the fault struck without. */
  readonly momentsMissed: number;
  /** SIGKILLs of Sidestream. A fault may need two. */
  readonly kills: number;
  readonly lives: number;
  readonly recoveries: Recoveries;
  /** Null: Kafka's consumer could not read the topic. */
  readonly judgement: Judgement | null;
  /** Null: it didn't answer at the end. */
  readonly status: Pick<StatusReport, "totals" | "breaches"> | null;
  readonly lanesBlocked: number;
  /** Empty: the spool is sound. */
  readonly fsck: string;
  /** Ends of Sidestream that nobody asked for. */
  readonly deaths: readonly string[];
  /** Why the run was given up, or null. */
  readonly failure: string | null;
  /** What can't be done on this machine. */
  readonly leftOut: readonly string[];
  readonly warnings: Readonly<Record<string, number>>;
}

export interface Verdict {
  /** Promises that were broken. */
  readonly broken: readonly string[];
  /** Why it was no test. */
  readonly noTest: readonly string[];
}

/** At least once: what was in flight at a kill comes again, and not more. */
export function repeatsMax({ delivery, kills }: Pick<Outcome, "delivery" | "kills">): number {
  return delivery === "exactly-once" ? 0 : kills * IN_FLIGHT_MAX;
}

export function verdictOf(outcome: Outcome): Verdict {
  return { broken: [...brokenMessages(outcome), ...brokenEnd(outcome)], noTest: [...noTest(outcome)] };
}

function named(what: string, { count, named }: Finding): string {
  return `${count} ${what}: ${named.slice(0, 5).join("; ")}${count > 5 ? "; …" : ""}`;
}

function* brokenMessages(outcome: Outcome): Generator<string> {
  const { judgement } = outcome;
  if (judgement === null) return void (yield "Kafka's consumer did not read the topic to its end");
  const { lost, doubled, reordered, strange } = judgement;
  if (lost.count > 0) yield named("answered requests are lost", lost);
  if (doubled.count > repeatsMax(outcome)) yield named(`messages came again, ${repeatsMax(outcome)} may`, doubled);
  if (reordered.count > 0) yield named("messages are out of order for their key", reordered);
  if (strange.count > 0) yield named("messages are there that nobody sent, or that are too large", strange);
}

function* brokenEnd({ status, lanesBlocked, fsck, deaths, judgement, requests }: Outcome): Generator<string> {
  for (const death of deaths) yield `Sidestream ended by itself: ${death}`;
  if (fsck !== "") yield `the spool is not sound: ${fsck}`;
  if (lanesBlocked > 0) yield `${lanesBlocked} lanes are blocked at the end`;
  if (status === null) return void (yield "Sidestream told no status at the end");
  const { accepted, delivered, dead, dropped, pending } = status.totals;
  if (pending > 0) yield `${pending} messages are pending at the end`;
  if (status.breaches.length > 0) yield `counts don't add up: ${JSON.stringify(status.breaches)}`;
  if (accepted !== delivered + dead + dropped + pending) yield `of ${accepted} accepted messages some are not accounted for`;
  if (dropped > 0) yield `${dropped} messages were dropped`;
  if (dead < requests.largeAnswered || dead > requests.largeSent)
    yield `${dead} messages are dead, expected ${requests.largeAnswered} to ${requests.largeSent}`;
  if (judgement !== null && judgement.distinct !== delivered)
    yield `${delivered} messages count as delivered and ${judgement.distinct} are there`;
}

function* noTest({ size, requests, recoveries, kills, faults, failure }: Outcome): Generator<string> {
  if (failure !== null) yield `the run was given up: ${failure}`;
  const { minima } = size;
  const want = (what: string, count: number, least: number): string[] => (count < least ? [`${count} ${what}, ${least} wanted`] : []);
  yield* want("answered requests", requests.answered, size.events);
  yield* want("kills of Sidestream", kills, minima.kills);
  for (const [group, kinds] of Object.entries(GROUPS) as [keyof typeof GROUPS, readonly Kind[]][]) {
    const count = kinds.reduce((sum, kind) => sum + (faults[kind] ?? 0), 0);
    yield* want(group, count, minima.groups[group]);
  }
  yield* want("recoveries with messages in doubt", recoveries.inDoubt, minima.recoveries);
  yield* want("of these with missing producer state", recoveries.missingState, minima.missingState);
}
