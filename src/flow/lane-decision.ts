/**
 * Carries out what an operator decides over a lane that stopped, since nobody can tell whether messages of it arrived.
 *
 * Promise: what is given up is counted as dropped before anything is sent again, and the decision is on disk before
 * sending begins anew. It counts for the messages that are in doubt now, for none that come later.
 */
import { SidestreamError } from "../errors.ts";
import type { DestinationLog } from "./spool/destination-log.ts";
import type { Confirmation } from "./spool/spooled.ts";
import type { Dispatcher } from "./transmit/dispatcher.ts";
import { decideResend, toldOf, type InDoubt, type MessageInDoubt } from "./transmit/in-doubt.ts";

export const RESOLVE_ACTIONS = ["show", "resend", "skip"] as const;
export type ResolveAction = (typeof RESOLVE_ACTIONS)[number];

/** As the engine is asked. */
export interface ResolveCall {
  readonly destination: string;
  readonly lane: string;
  readonly action: ResolveAction;
  /** Only what stands in the log up to this number is given up; null: all that is in doubt. */
  readonly through: number | null;
}

/** Why they left the log. */
const REASON_SKIPPED = "skipped-in-doubt";
/** Messages that an operator is shown. */
const SHOWN_MAX = 1_000;
/** More than were ever in flight by any sensible setting: what is given up is held in memory for a moment. */
const SKIPPED_MAX = 1_000_000;
const CONFIRMED_TOGETHER = 10_000;

export interface LaneDecisionParts {
  /** Of the destination. */
  readonly name: string;
  readonly log: DestinationLog;
  readonly dispatcher: Dispatcher | null;
}

export interface LaneDecision {
  readonly inDoubt: InDoubt;
  /** To be carried out while nothing is sent; null: it was only to be shown. */
  readonly decide: (() => Promise<void>) | null;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when that lane isn't stopped over messages in doubt; what the disk says. */
export async function decideLane({ name, log, dispatcher }: LaneDecisionParts, call: ResolveCall): Promise<LaneDecision> {
  const { lane, action, through } = call;
  const found = dispatcher?.inDoubt(lane) ?? null;
  if (found === null) throw notStopped(name, lane, dispatcher);
  const messages: MessageInDoubt[] = [];
  const skipped: Confirmation[] = [];
  let count = 0;
  for await (const message of found) {
    count += 1;
    const { logSequence, stream, tenant, frameBytes } = message;
    if (messages.length < SHOWN_MAX) messages.push(toldOf(message));
    if (action !== "skip" || (through !== null && logSequence > through)) continue;
    if (skipped.length >= SKIPPED_MAX)
      throw new SidestreamError(
        "SST_COMMAND_INVALID",
        `more than ${SKIPPED_MAX} messages are in doubt: give up fewer at a time with --through`,
      );
    // Without their lane: what is gone from its midst makes it begin its numbers anew.
    skipped.push({ logSequence, stream, tenant, frameBytes, lane: null, outcome: "dropped", reason: REASON_SKIPPED });
  }
  const inDoubt = { lane, count, messages };
  if (action === "show") return { inDoubt, decide: null };
  const decide = async (): Promise<void> => {
    for (let from = 0; from < skipped.length; from += CONFIRMED_TOGETHER) await log.confirm(skipped.slice(from, from + CONFIRMED_TOGETHER));
    await decideResend(log, lane, log.durableSequence);
  };
  return { inDoubt, decide };
}

function notStopped(name: string, lane: string, dispatcher: Dispatcher | null): SidestreamError {
  const blocked = dispatcher?.status().blocked ?? [];
  const stopped = blocked.filter(({ code }) => code === "SST_LANE_IN_DOUBT").map((each) => `${name}:${each.lane}`);
  const known = stopped.length === 0 ? "no lane of it is stopped over messages in doubt" : `stopped are ${stopped.join(", ")}`;
  return new SidestreamError(
    "SST_COMMAND_INVALID",
    `${name}:${lane} isn't stopped over messages in doubt, or ${name} isn't connected: ${known}`,
  );
}
