/**
 * Which messages of a numbered lane may have been sent and are not confirmed: what arrives twice, or not at all, where the
 * destination can't tell any more what it has.
 *
 * Promise: none is left out. Some may be in that were never sent: a lane says ahead what it may send.
 */
import type { NumberedConnection } from "../../driver/destination.ts";
import { streamOfLabel } from "../message/stream-label.ts";
import type { MessageLog, SpooledMessage } from "../spool/spooled.ts";
import { outgoing } from "./lane-sender.ts";

const READ_BYTES_MAX = 1024 * 1024;
/** Kept with what the driver keeps; no driver's names begin like this. */
const RESEND_PREFIX = "flow/resend/";
const IN_FLIGHT_RECORD = "flow/in-flight";

export type DoubtLog = Pick<
  MessageLog,
  "confirmedSequence" | "durableSequence" | "isConfirmed" | "read" | "skipCode" | "sentBelow" | "isDoubtful" | "doubtfulBelow" | "memory"
>;

/** What an operator is told of one. */
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

/** What a lane stopped over. */
export interface InDoubt {
  readonly lane: string;
  readonly count: number;
  /** The first of them. */
  readonly messages: readonly MessageInDoubt[];
}

/** What is looked for. */
export interface DoubtSearch {
  readonly log: DoubtLog;
  readonly connection: Pick<NumberedConnection, "lane">;
  readonly lane: string;
  /** As many of a lane may have been sent as were ever in flight; Infinity where its numbers can't be told. */
  readonly countMax: number;
}

/** In the log's order. @throws SidestreamError what the disk says. */
export async function* messagesInDoubt({ log, connection, lane, countMax }: DoubtSearch): AsyncGenerator<SpooledMessage> {
  const doubtfulBelow = log.doubtfulBelow(lane);
  const end = Math.min(log.durableSequence, Math.max(log.sentBelow(lane), doubtfulBelow));
  const decidedBelow = resendBelow(log, lane);
  let count = 0;
  for (let next = log.confirmedSequence; next < end;) {
    const { messages, nextSequence } = await log.read(next, READ_BYTES_MAX, "aside");
    for (const message of messages) {
      const { logSequence } = message;
      if (logSequence >= end) return;
      if (log.isConfirmed(logSequence) || log.skipCode(logSequence) !== null) continue;
      const mayBeSent = logSequence < log.sentBelow(lane) || (log.isDoubtful(lane, logSequence) && logSequence < doubtfulBelow);
      if (!mayBeSent || laneOf(connection, message) !== lane) continue;
      count += 1;
      if (count > countMax) return;
      if (logSequence >= decidedBelow) yield message;
    }
    if (nextSequence <= next) return;
    next = nextSequence;
  }
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

/** Below it somebody decided that messages of the lane are sent, whether they arrived or not; 0 where nobody did. */
export function resendBelow({ memory }: Pick<MessageLog, "memory">, lane: string): number {
  const found = memory.get(RESEND_PREFIX + lane) as { readonly below: number } | null | undefined;
  return found?.below ?? 0;
}

/** Keeps that decision; 0 forgets it. @throws SidestreamError what the disk says. */
export async function decideResend({ memory }: Pick<MessageLog, "memory">, lane: string, below: number): Promise<void> {
  await memory.set(RESEND_PREFIX + lane, below === 0 ? null : { below });
}

/** The most that was ever in flight, this process's bound included. @throws SidestreamError what the disk says. */
export async function noteInFlight({ memory }: Pick<MessageLog, "memory">, inFlightMax: number): Promise<void> {
  if (inFlightEver({ memory }) < inFlightMax) await memory.set(IN_FLIGHT_RECORD, inFlightMax);
}

export function inFlightEver({ memory }: Pick<MessageLog, "memory">): number {
  return (memory.get(IN_FLIGHT_RECORD) as number | null | undefined) ?? 0;
}
