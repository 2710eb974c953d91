/**
 * Carries out what an operator decides over lanes that stopped, since nobody can tell whether messages of them arrived.
 *
 * Promise: a decision is one write to the disk; before it nothing has changed, after it the lane carries it out, whatever
 * ends the program meanwhile. It counts for the messages that were shown, for none that come later.
 */
import { setTimeout as pause } from "node:timers/promises";
import { SidestreamError } from "../../errors.ts";
import { programEnds } from "../spool/act-turns.ts";
import type { MessageLog } from "../spool/spooled.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { isUndecided, keepLaneDoubt, laneDoubt, lanesInDoubt, toldOf, type MessageInDoubt } from "./in-doubt.ts";

export const RESOLVE_ACTIONS = ["show", "resend", "skip"] as const;
export type ResolveAction = (typeof RESOLVE_ACTIONS)[number];

/** As the engine is asked. */
export interface ResolveCall {
  readonly destination: string;
  /** Null: every lane that stopped. */
  readonly lane: string | null;
  readonly action: ResolveAction;
  /** Only what stands in the log up to this number is left out; null: all that is in doubt. */
  readonly through: number | null;
}

/** A lane that stopped, and what becomes of it. */
export interface LaneResolved {
  readonly lane: string;
  /** Messages in doubt. */
  readonly count: number;
  /** The first of them. */
  readonly messages: readonly MessageInDoubt[];
  /** How many of them are left out; the others are sent. 0 where it is only shown. */
  readonly skipped: number;
}

/** Messages of a lane that an operator is shown. */
const SHOWN_MAX = 1_000;
/** Right after an act, the destination is being connected anew. */
const CONNECT_MS_MAX = 10_000;
const CONNECT_LOOK_MS = 50;

export interface LaneDecisionParts {
  /** Of the destination. */
  readonly name: string;
  readonly log: Pick<MessageLog, "memory">;
  readonly dispatcher: Dispatcher | null;
  /** True once the program ends. */
  readonly isEnding: () => boolean;
}

export interface LaneDecision {
  readonly lanes: readonly LaneResolved[];
  /** To be carried out while nothing is sent; null: it was only to be shown. */
  readonly decide: (() => Promise<void>) | null;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when that lane isn't stopped over messages in doubt; what the disk says. */
export async function decideLanes(parts: LaneDecisionParts, call: ResolveCall): Promise<LaneDecision> {
  const { log } = parts;
  const stopped = lanesInDoubt(log);
  const chosen = call.lane === null ? stopped : stopped.filter((lane) => lane === call.lane);
  if (call.lane !== null && chosen.length === 0) throw notStopped(parts.name, call.lane, stopped);
  const lanes: LaneResolved[] = [];
  for (const lane of chosen) lanes.push(await look(parts, lane, call));
  if (call.action === "show") return { lanes, decide: null };
  const decide = async (): Promise<void> => {
    for (const { lane, skipped, messages, count } of lanes) {
      const doubt = laneDoubt(log, lane);
      if (!isUndecided(doubt)) continue;
      const skip = skipped === 0 ? 0 : skipped === count ? doubt.doubtful[1] : (messages[skipped - 1]?.logSequence ?? 0);
      await keepLaneDoubt(log, lane, { ...doubt, skip });
    }
  };
  return { lanes, decide };
}

async function look(parts: LaneDecisionParts, lane: string, { action, through }: ResolveCall): Promise<LaneResolved> {
  const messages: MessageInDoubt[] = [];
  let count = 0;
  for await (const message of await connected(parts, lane)) {
    if (parts.isEnding()) throw programEnds();
    count += 1;
    if (messages.length < SHOWN_MAX) messages.push(toldOf(message));
  }
  if (action !== "skip") return { lane, count, messages, skipped: 0 };
  if (through === null) return { lane, count, messages, skipped: count };
  const at = messages.findIndex(({ logSequence }) => logSequence === through);
  if (at !== -1) return { lane, count, messages, skipped: at + 1 };
  const [first, last] = [messages[0]?.logSequence, messages.at(-1)?.logSequence];
  const text = `${through} is none of the numbers of the messages in doubt (column \`number\`, ${first} to ${last}): nothing was decided`;
  throw new SidestreamError("SST_COMMAND_INVALID", text);
}

async function connected(
  { name, dispatcher, isEnding }: LaneDecisionParts,
  lane: string,
): Promise<NonNullable<ReturnType<Dispatcher["inDoubt"]>>> {
  for (let waitedMs = 0; ; waitedMs += CONNECT_LOOK_MS) {
    const found = dispatcher?.inDoubt(lane) ?? null;
    if (found !== null) return found;
    if (dispatcher === null || isEnding() || waitedMs >= CONNECT_MS_MAX)
      throw new SidestreamError(
        "SST_COMMAND_INVALID",
        `${name} isn't connected (held, or away), and by the connection alone it is told which messages these are: try again once it is`,
      );
    await pause(CONNECT_LOOK_MS);
  }
}

function notStopped(name: string, lane: string, stopped: readonly string[]): SidestreamError {
  const known = stopped.length === 0 ? "no lane of it is" : `stopped are ${stopped.map((each) => `${name}:${each}`).join(", ")}`;
  return new SidestreamError("SST_COMMAND_INVALID", `${name}:${lane} isn't stopped over messages in doubt: ${known}`);
}
