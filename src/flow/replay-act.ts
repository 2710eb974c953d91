/**
 * What an operator can have the running program do with messages that are done: count them, and send them once more.
 *
 * Promise: an act takes some seconds; whoever wants all of it asks again, from where it ended. Of one destination's
 * history one act runs at a time.
 */
import { SidestreamError } from "../errors.ts";
import { outletOf, type ActParts } from "./act-parts.ts";
import type { DestinationLog } from "./spool/destination-log.ts";
import { countReplay, replayMessages, type ReplayCount, type Replayed, type ReplayFilter, type ReplaySpan } from "./spool/replay.ts";

const PIECE_MS = 3_000;

/** As the engine is asked. */
export interface CountReplayCall {
  readonly destination: string;
  readonly filter: ReplayFilter;
  readonly span: ReplaySpan;
}

export interface ReplayCall extends CountReplayCall {
  /** The destination that sends them. */
  readonly into: string;
  /** Null: each goes to the topic that it had. */
  readonly topic: string | null;
  readonly id: string;
  /** Messages per second. */
  readonly rate: number;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` when there is no such destination; what the disk says. */
export async function countReplayAct(parts: ActParts, { destination, filter, span }: CountReplayCall): Promise<ReplayCount> {
  const { history } = fitLog(parts, destination);
  return await history.turns.run((signal) => countReplay({ history, filter, span, signal, waitMsMax: PIECE_MS }));
}

/** As `countReplayAct`. */
export async function replayAct(parts: ActParts, call: ReplayCall): Promise<Replayed> {
  const { destination, into, topic, filter, span, id, rate } = call;
  const { history } = fitLog(parts, destination);
  const log = outletOf(parts, into).log;
  const send = (signal: AbortSignal) => replayMessages({ history, into: log, topic, filter, span, id, rate, signal, waitMsMax: PIECE_MS });
  return await parts.purgeGate.move(() => history.turns.run(send));
}

/** @throws SidestreamError when the log can't tell what is done of it. */
function fitLog(parts: ActParts, destination: string): DestinationLog {
  const { log } = outletOf(parts, destination);
  if (log.stopped === null) return log;
  throw new SidestreamError(
    "SST_COMMAND_INVALID",
    `the log of ${destination} has stopped, so nothing of it is replayed: status tells why`,
    {
      cause: log.stopped,
    },
  );
}
