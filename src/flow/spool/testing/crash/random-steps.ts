/** Random plans: what the users of a log do in a life, and where the disk fails them. */
import type { Random } from "../memory-disk.ts";
import type { Action, LifePlan, Step } from "./life.ts";
import { ARCHIVE_FOLDER, type LogShape } from "./observed.ts";
import type { Fault, FaultPlan } from "./recording-disk.ts";

/** Values of messages, in bytes: within a sector, over several, and so large that a segment holds few. */
const VALUE_BYTES = [0, 1, 40, 40, 200, 520, 1_500, 4_000] as const;
/** Just above what the two headers take, up to what holds some dozens of small messages. */
const SEGMENT_BYTES = [8_600, 9_500, 11_000, 14_000, 24_000] as const;

/** What a log keeps of its budget for frames of its own. */
const ROOM_BYTES = 64 * 1024;
/** For some segments, for some dozens, and more than is ever used. */
const BUSY_BUDGET_BYTES = 3_000_000;
const BUDGET_BYTES = [40_000, 90_000, 4_000_000, 4_000_000] as const;
/** Segments are rewritten without what is done once others are so far ahead: soon, later, never. */
const PARK_BYTES = [9_000, 30_000, Infinity] as const;

/** Each file of a segment goes bit by bit. */
const REMOVAL_STEP_BYTES = 4_096;

/** Some segments: what comes makes others go. */
const ARCHIVE_BYTES = 64 * 1024;

export function randomShape(random: Random): LogShape {
  return {
    segmentBytesMax: pick(SEGMENT_BYTES, random),
    bytesMax: ROOM_BYTES + pick(BUDGET_BYTES, random),
    topicsMax: 10,
    numbered: random(2) === 0,
    whenFull: random(3) === 0 ? "drop-oldest" : "refuse",
    tenantShare: random(4) === 0 ? 0.25 : 1,
    parkBytes: pick(PARK_BYTES, random),
    ...(random(4) === 0 ? { removalStepBytes: REMOVAL_STEP_BYTES } : {}),
    ...(random(3) === 0 ? { archive: { folder: ARCHIVE_FOLDER, retain: { keepMs: Infinity, bytesMax: ARCHIVE_BYTES } } } : {}),
  };
}

export function randomSteps(count: number, random: Random): Step[] {
  return Array.from({ length: count }, () => randomStep(random));
}

function randomStep(random: Random): Step {
  if (random(14) === 0) return "reopen";
  const together = random(3) === 0 ? 2 + random(4) : 1;
  return Array.from({ length: together }, () => randomAction(random));
}

function randomAction(random: Random): Action {
  const kind = random(20);
  if (kind < 9) {
    const acknowledging = random(4) > 0;
    return { kind: "append", count: 1 + random(4), bytes: pick(VALUE_BYTES, random), topic: random(3), tenant: random(2), acknowledging };
  }
  if (kind < 14) return { kind: "confirm", every: 1 + random(3), pick: random(3) };
  if (kind < 16) return { kind: "set", name: random(3), bytes: random(3) === 0 ? null : pick(VALUE_BYTES, random) };
  if (kind === 16) return { kind: "skip" };
  if (kind === 17) return { kind: "send" };
  return kind === 18 ? { kind: "read" } : { kind: "rest" };
}

/** Whether the log is made busy before: where its budget is large enough for that, now and then. */
export function isBusy({ bytesMax }: LogShape, random: Random): boolean {
  return bytesMax > BUSY_BUDGET_BYTES && random(3) === 0;
}

export function randomPlan(random: Random): LifePlan {
  const steps = randomSteps(3 + random(10), random);
  const fails = random(3) === 0;
  return { steps, closes: random(3) === 0, fault: fails ? faultAt(random(120), random(3) === 0, randomFault(random)) : () => null };
}

/** @param lasts - Every operation fails from there on, not this one alone. */
export function faultAt(at: number, lasts: boolean, fault: Fault): FaultPlan {
  return (_operation, _path, count) => (count === at || (lasts && count > at) ? fault : null);
}

function randomFault(random: Random): Fault {
  return { code: random(2) === 0 ? "EIO" : "ENOSPC", writtenPercent: pick([0, 30, 60, 95], random), forgets: random(2) === 0 };
}

function pick<Value>(values: readonly Value[], random: Random): Value {
  return values[random(values.length)] as Value;
}
