/**
 * Opens a destination, lets its driver check it, and closes it again.
 *
 * Promise: no message is sent and nothing in the spool changes; it ends by the clock, whatever the driver does.
 */
import assert from "node:assert/strict";
import type { DestinationConnection } from "../driver/destination.ts";
import { destinationDriver } from "../driver/registry.ts";
import { isSidestreamError, SidestreamError, type ErrorCode } from "../errors.ts";
import type { DestinationSettings, FlowSettings } from "../flow/settings.ts";
import { endsWithin, systemClock, type Clock } from "../flow/transmit/clock.ts";
import { endsPatiently } from "../flow/transmit/patience.ts";
import { ThrowawayMemory } from "./throwaway-memory.ts";

/** Time for connecting and looking together: longer than a broker that starts over needs to answer. */
const PROBE_MS_MAX = 30_000;
/** Time for a driver to end after it was told to. */
const SETTLE_MS = 2_000;
const DISPOSE_MS = 5_000;
/** A broker may find fault with each of a thousand topics. */
const PROBLEMS_MAX = 100;

export interface ProbeProblem {
  readonly code: ErrorCode;
  /** One line. */
  readonly message: string;
}

export interface Probe {
  /** Empty: all is well. */
  readonly problems: readonly ProbeProblem[];
  /** What the driver had to say that is no problem. */
  readonly notices: readonly string[];
}

/** Looks at a destination that is not dormant. */
export async function probe(settings: DestinationSettings, topics: readonly string[], clock: Clock = systemClock): Promise<Probe> {
  const { name, type, options } = settings;
  const driver = destinationDriver(type);
  assert(driver !== undefined, `a driver for ${type}, since the configuration was checked`);
  const notices: string[] = [];
  const notice = (text: string): void => void notices.push(oneLine(text));
  const memory = driver.promises.deduplicates ? { memory: new ThrowawayMemory() } : {};
  const controller = new AbortController();
  const look = async (signal: AbortSignal): Promise<void> => {
    const connection = await driver.open(options, { name, signal, notice, ...memory });
    try {
      await connection.check(signal, topics);
    } finally {
      await dispose(connection, clock);
    }
  };
  const ending = await endsPatiently(look, controller, clock, { deadlineMs: PROBE_MS_MAX, settleMs: SETTLE_MS });
  controller.abort();
  if (ending.kind === "value") return { problems: [], notices };
  const silent = new SidestreamError("SST_DESTINATION_UNREACHABLE", `no answer within ${PROBE_MS_MAX / 1_000} s`);
  return { problems: problemsOf(ending.kind === "error" ? ending.error : silent), notices };
}

/**
 * The topics that a destination will get, as far as the configuration tells: those of rules whose topic has no place
 * that an event fills in, of streams that have a tenant.
 */
export function knownTopics({ streams, env }: FlowSettings, destination: string): readonly string[] {
  const topics = new Set<string>();
  for (const { rules, tenants } of streams) {
    if (tenants !== "all" && tenants.length === 0) continue;
    for (const target of rules.flatMap((rule) => rule.targets)) {
      if (target.destination !== destination) continue;
      const parts = target.topic.map((part) => (typeof part === "string" ? part : part.name === "env" ? env : null));
      if (!parts.includes(null)) topics.add(parts.join(""));
    }
  }
  return [...topics].toSorted();
}

/** What a driver throws here is of no use to anyone: the answer is there already. */
async function dispose(connection: DestinationConnection, clock: Clock): Promise<void> {
  const disposing = async (): Promise<void> => connection[Symbol.asyncDispose]();
  await endsWithin(clock, disposing(), DISPOSE_MS);
}

/** One for each error that a driver gathered, else the one. */
function problemsOf(error: unknown): readonly ProbeProblem[] {
  const gathered: unknown = typeof error === "object" && error !== null && "errors" in error ? error.errors : null;
  // A client's own errors may hold others that mean nothing to who reads this.
  const errors: readonly unknown[] =
    Array.isArray(gathered) && gathered.length > 0 && gathered.every(isSidestreamError) ? gathered : [error];
  const problems = errors.slice(0, PROBLEMS_MAX).map(problemOf);
  if (errors.length <= PROBLEMS_MAX) return problems;
  const code = problems[0]?.code ?? "SST_DESTINATION_UNREACHABLE";
  return [...problems, { code, message: `and ${errors.length - PROBLEMS_MAX} more problems` }];
}

function problemOf(error: unknown): ProbeProblem {
  // What is no error of ours came from the driver or its client: as when the connection is opened to send.
  const code = isSidestreamError(error) ? error.code : "SST_DESTINATION_UNREACHABLE";
  return { code, message: oneLine(error instanceof Error ? error.message : String(error)) };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
