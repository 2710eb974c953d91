/**
 * Which messages of a numbered lane may have been sent and are not confirmed, where the destination can't tell any more what
 * it has; and what somebody decided over them.
 *
 * Promise: none is left out. Some may be in that were never sent: a lane says ahead what it may send. Once a lane has
 * stopped over them it is on disk how far they reach, so that they stay the same over every restart.
 */
import type { NumberedConnection } from "../../driver/destination.ts";
import { streamOfLabel } from "../message/stream-label.ts";
import type { MessageLog, SpooledMessage } from "../spool/spooled.ts";
import { outgoing } from "./lane-sender.ts";

/** Why messages that somebody left out went. */
export const REASON_SKIPPED = "skipped-in-doubt";
const READ_BYTES_MAX = 1024 * 1024;
/** Kept with what the driver keeps; no driver's names begin like this. */
const RECORD_PREFIX = "flow/in-doubt/";
const IN_FLIGHT_RECORD = "flow/in-flight";

export type DoubtLog = Pick<
  MessageLog,
  "confirmedSequence" | "durableSequence" | "isConfirmed" | "read" | "skipCode" | "sentBelow" | "isDoubtful" | "doubtfulBelow" | "memory"
>;

/** What is on disk of a lane that stopped. Messages by their numbers in the log. */
export interface LaneDoubt {
  /** From the first to the last of those that may have been sent. Null: the lane went on since. */
  readonly doubtful: readonly [first: number, last: number] | null;
  /** Somebody decided: messages up to it are left out, the others are sent; 0: none is left out. Null: nobody did yet. */
  readonly skip: number | null;
  /** Messages up to it are still to be left out, by a decision that is carried out otherwise; 0: none is. */
  readonly left: number;
}

/** What an operator is told of one message. */
export interface MessageInDoubt {
  readonly logSequence: number;
  /** Of its stream in its topic: what the message carries. */
  readonly sequence: number;
  readonly stream: string;
  readonly tenant: string;
  readonly eventId: string;
  readonly key: string;
  readonly acceptedMs: number;
  readonly exactlyOnce: boolean;
}

/** What is looked for. */
export interface DoubtSearch {
  readonly log: DoubtLog;
  readonly connection: Pick<NumberedConnection, "lane">;
  readonly lane: string;
  /** All of the lane's messages before it are done. */
  readonly from: number;
  /** The last that may have been sent, where that is known. */
  readonly last: number | null;
  /** As many of a lane may have been sent as were ever in flight; Infinity where its numbers can't be told. */
  readonly countMax: number;
}

/** In the log's order. @throws SidestreamError what the disk says. */
export async function* messagesInDoubt(search: DoubtSearch): AsyncGenerator<SpooledMessage> {
  const { log, connection, lane, from, last, countMax } = search;
  const end = Math.min(log.durableSequence, last === null ? Math.max(log.sentBelow(lane), log.doubtfulBelow(lane)) : last + 1);
  let count = 0;
  for (let next = Math.max(from, log.confirmedSequence); next < end;) {
    const { messages, nextSequence } = await log.read(next, READ_BYTES_MAX, "aside");
    for (const message of messages) {
      const { logSequence } = message;
      if (logSequence >= end) return;
      if (log.isConfirmed(logSequence) || log.skipCode(logSequence) !== null) continue;
      if ((last === null && !mayBeSent(log, lane, logSequence)) || laneOf(connection, message) !== lane) continue;
      count += 1;
      yield message;
      if (count >= countMax) return;
    }
    if (nextSequence <= next) return;
    next = nextSequence;
  }
}

function mayBeSent(log: DoubtLog, lane: string, logSequence: number): boolean {
  return logSequence < log.sentBelow(lane) || (log.isDoubtful(lane, logSequence) && logSequence < log.doubtfulBelow(lane));
}

/** Null: it has none that is known, so it was never sent to any. */
function laneOf(connection: DoubtSearch["connection"], message: SpooledMessage): string | null {
  try {
    const lane = connection.lane(outgoing(message));
    if (typeof lane === "string") return lane;
    lane.catch(() => undefined); // Whoever reads it to send it asks again.
    return null;
  } catch {
    return null;
  }
}

export function toldOf({ logSequence, sequence, stream, tenant, eventId, key, acceptedMs, exactlyOnce }: SpooledMessage): MessageInDoubt {
  return { logSequence, sequence, stream: streamOfLabel(stream), tenant, eventId, key, acceptedMs, exactlyOnce };
}

type Memory = Pick<MessageLog, "memory">;

/** Null: the lane never stopped, or it is all over. */
export function laneDoubt({ memory }: Memory, lane: string): LaneDoubt | null {
  return (memory.get(RECORD_PREFIX + lane) as LaneDoubt | null | undefined) ?? null;
}

/** Keeps it; null forgets it. @throws SidestreamError what the disk says; nothing is changed then. */
export async function keepLaneDoubt({ memory }: Memory, lane: string, doubt: LaneDoubt | null): Promise<void> {
  await memory.set(RECORD_PREFIX + lane, doubt);
}

/** Lanes that stopped and that nobody decided over, sorted. */
export function lanesInDoubt({ memory }: Memory): readonly string[] {
  const names = memory.names().filter((name) => name.startsWith(RECORD_PREFIX));
  const lanes = names.map((name) => name.slice(RECORD_PREFIX.length));
  return lanes.filter((lane) => isUndecided(laneDoubt({ memory }, lane))).toSorted();
}

interface Stopped extends LaneDoubt {
  readonly doubtful: readonly [first: number, last: number];
}

export function isUndecided(doubt: LaneDoubt | null): doubt is Stopped & { readonly skip: null } {
  return doubt !== null && doubt.doubtful !== null && doubt.skip === null;
}

/** Somebody decided, and it isn't carried out yet. */
export function isDecided(doubt: LaneDoubt | null): doubt is Stopped & { readonly skip: number } {
  return doubt !== null && doubt.doubtful !== null && doubt.skip !== null;
}

/** Messages of the lane up to it that wait are to be left out; 0: none is. */
export function leftOutThrough(doubt: LaneDoubt | null): number {
  return Math.max(doubt?.left ?? 0, doubt?.skip ?? 0);
}

/** The most that was ever in flight, this process's bound included. @throws SidestreamError what the disk says. */
export async function noteInFlight({ memory }: Memory, inFlightMax: number): Promise<void> {
  if (inFlightEver({ memory }) < inFlightMax) await memory.set(IN_FLIGHT_RECORD, inFlightMax);
}

export function inFlightEver({ memory }: Memory): number {
  return (memory.get(IN_FLIGHT_RECORD) as number | null | undefined) ?? 0;
}
