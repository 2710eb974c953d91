/**
 * The room of a destination's log: what it is given, and how much of it one event may take, which must be free before
 * the event is surely taken.
 *
 * Promise: never less than its messages take there, so that a request for which the room was reserved is not refused
 * after it was forwarded.
 */
import { isOnce } from "./deliveries.ts";
import { printTarget } from "./match/print.ts";
import { HEADERS_BYTES_MAX } from "./message/attribute-text.ts";
import { isShadow, type BudgetSettings, type FlowSettings } from "./settings.ts";
import type { SpoolDestination } from "./spool/spool.ts";

/**
 * What the log reserves beyond a message's own limit: topic, key and the frame, and for headers, which count within the
 * limit by their bytes, three bytes a character.
 */
const AROUND_MESSAGE_BYTES = 16 * 1024 + 2 * HEADERS_BYTES_MAX;

/**
 * Where the oldest messages give way, this many of the largest events fit into what is kept free: one that comes while
 * room is made for the one before is taken, too.
 */
const RESERVED_EVENTS = 2;
/** At least as much again is for what waits. */
const RESERVE_SHARE_MAX = 1 / 2;

/** What waits and may lie scattered between what is done: a log must stay free of it for the most part. */
const PARK_SHARE_MAX = 1 / 4;

type LogBudget = Required<Pick<SpoolDestination, "bytesMax" | "whenFull" | "tenantShare" | "parkBytes" | "reserveBytesMin">>;

/** The budget in the log's own terms. @param eventBytes - What the largest event may take in it. */
export function logBudget({ bytesMax, whenFull, tenantSharePercent, parkBytes }: BudgetSettings, eventBytes: number): LogBudget {
  return {
    bytesMax,
    whenFull,
    tenantShare: tenantSharePercent / 100,
    parkBytes: Math.min(parkBytes, Math.floor(bytesMax * PARK_SHARE_MAX)),
    reserveBytesMin: reservedBytesMin(eventBytes),
  };
}

/** What a log keeps free at least whose oldest messages give way. */
export function reservedBytesMin(eventBytes: number): number {
  return RESERVED_EVENTS * eventBytes;
}

/** The least budget with which a log whose oldest messages give way always makes room for the largest event. */
export function dropOldestBytesMin(eventBytes: number): number {
  return reservedBytesMin(eventBytes) / RESERVE_SHARE_MAX;
}

/** Bytes that so many messages may take in one log. */
export function messagesBytesMax({ limits }: Pick<FlowSettings, "limits">, messageCount: number): number {
  return messageCount * (limits.messageBytesMax + AROUND_MESSAGE_BYTES);
}

/** The most bytes that an event may take in any one log: a stream makes one message of it for each target of a spooled rule that is live. */
export function eventBytesMax(settings: Pick<FlowSettings, "limits" | "streams">): number {
  const messages = new Map<string, number>();
  for (const stream of settings.streams) {
    const spooled = stream.rules.filter((rule) => !isShadow(rule) && !isOnce(stream, rule));
    const targets = new Map(spooled.flatMap(({ targets }) => targets).map((target) => [printTarget(target), target.destination]));
    for (const destination of targets.values()) messages.set(destination, (messages.get(destination) ?? 0) + 1);
  }
  return messagesBytesMax(settings, Math.max(0, ...messages.values()));
}
