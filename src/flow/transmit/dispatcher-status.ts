/** What a dispatcher tells of itself: for the status, the metrics and the log. */
import type { ErrorCode, SidestreamError } from "../../errors.ts";
import type { TransmitCounters } from "./lane-host.ts";
import type { LaneNotice } from "./lane-sender.ts";
import type { Lanes } from "./lanes.ts";

export type DispatcherState =
  /** Sending, or ready to. */
  | "up"
  /** The connection is being opened; nothing has failed for long. */
  | "connecting"
  /** The connection can't be opened, or no lane that has messages gets on. */
  | "down"
  /** A lane's messages are mostly refused, or the spool's disk fails: sending waits, nothing is lost. */
  | "paused";

export interface LastError {
  readonly code: string;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** A lane, or a topic without lanes, that doesn't get on. */
export interface BlockedLane {
  readonly lane: string;
  readonly code: string;
  readonly message: string;
}

/** Blocked lanes that the status names; the rest are counted. */
export const BLOCKED_NAMED_MAX = 10;

export interface DispatcherStatus extends Readonly<TransmitCounters> {
  readonly state: DispatcherState;
  /** Stays after it passed: see its time. */
  readonly lastError: LastError | null;
  /** Messages read and not yet confirmed on disk. */
  readonly inFlight: number;
  /** Lanes whose head failed and has not gone through since, and topics that have no lanes. */
  readonly lanesBlocked: number;
  /** Some of them, and why. */
  readonly blocked: readonly BlockedLane[];
  /** How long ago the oldest message was accepted that is read and not yet sent; null when there is none. */
  readonly oldestUnsentMs: number | null;
}

/** What is told of a destination. */
export type AnnouncedState = "up" | "down" | "paused";

/**
 * Told once when the destination goes down or pauses, and once when it is up again; while it is down also for each new
 * reason that takes somebody to mend. `blocked`: it is up, and some lanes wait for such a reason; once for each.
 */
export type StateListener = (state: AnnouncedState | "blocked", lastError: LastError | null) => void;

/** A lane that had nothing to send for so long says nothing of the destination any more. */
const HEALTHY_MS = 300_000;

/** Reasons that don't pass by themselves. */
const FOR_SOMEBODY: ReadonlySet<string> = new Set<ErrorCode>([
  "SST_DESTINATION_LOGIN",
  "SST_DESTINATION_TLS",
  "SST_DESTINATION_FORBIDDEN",
  "SST_DESTINATION_UNSUPPORTED",
  "SST_IDENTITY_CHANGED",
  "SST_LANE_IN_DOUBT",
  "SST_TOPIC_MISSING",
]);

export function needsSomebody(error: LastError | null): boolean {
  return error !== null && FOR_SOMEBODY.has(error.code);
}

/** True when lanes or topics are stuck and nothing shows that any other gets on. */
export function isNothingGettingOn(lanes: Lanes, nowMs: number): boolean {
  const { troubled, unplaced } = lanes;
  if (troubled.size + unplaced.length === 0) return false;
  if (unplaced.some(({ stuck }) => !stuck)) return false;
  return lanes.all.every((lane) => (troubled.has(lane) ? lane.stuck : lane.messageCount === 0 && nowMs - lane.deliveredMs > HEALTHY_MS));
}

/** Lanes, and topics without lanes, that don't get on. */
export function blockedLanes(lanes: Lanes): readonly BlockedLane[] {
  const blocked = lanes.all.flatMap(({ name, blockedBy }) => (blockedBy === null ? [] : [blockedLane(name, blockedBy)]));
  return [...blocked, ...lanes.unplaced.map(({ topic, error }) => blockedLane(topic, error))];
}

function blockedLane(lane: string, error: SidestreamError): BlockedLane {
  return { lane, code: error.code, message: reasonOf(error) };
}

/** The error's text with that of its cause, which often says more. */
export function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause.message : "";
  // A driver's message often ends in the system's code, with which the cause begins.
  const code = /^[A-Z]+(?=: )/.exec(cause)?.[0] ?? "";
  const message = code !== "" && error.message.endsWith(`: ${code}`) ? error.message.slice(0, -code.length - 2) : error.message;
  return cause === "" ? error.message : `${message}: ${cause}`;
}

/** @param waitingMs - When the oldest message was accepted that waits before the lanes. @returns Its age, or an older one's. */
export function oldestUnsentMs(waitingMs: number | null, { all }: Lanes, nowMs: number): number | null {
  let oldestMs = waitingMs;
  for (const { oldestAcceptedMs } of all)
    if (oldestAcceptedMs !== null && (oldestMs === null || oldestAcceptedMs < oldestMs)) oldestMs = oldestAcceptedMs;
  return oldestMs === null ? null : Math.max(0, nowMs - oldestMs);
}

/** Of hundreds of lanes that meet the same, so many are told. */
const LANE_NOTICES_MAX = 3;

export function someNotices(tell: (text: string) => void): LaneNotice {
  const counts = new Map<string, number>();
  return (kind, text) => {
    const told = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, told);
    if (told <= LANE_NOTICES_MAX) tell(told < LANE_NOTICES_MAX ? text : `${text} (more lanes may have the same)`);
  };
}
