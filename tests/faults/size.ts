/**
 * How much a run of some minutes does, and how little makes it no test.
 *
 * The long form is what the promise is held against; a shorter run does its part of it.
 */
import type { FaultCounts, Kind } from "./plan.ts";

export type Nodes = 1 | 3;

/** How long the long form takes. Three brokers on the same machine take longer to come back. */
export const LONG_MINUTES: Readonly<Record<Nodes, number>> = { 1: 12, 3: 20 };
const LONG_EVENTS = 250_000;
const LONG_RECOVERIES_MIN = 50;
const LONG_MISSING_STATE_MIN = 5;
const LONG_FAULTS: Readonly<Record<Kind, number>> = {
  kill: 100,
  terminate: 3,
  stop: 10,
  "broker kill": 20,
  "broker stop": 10,
  cut: 10,
  "half-open": 6,
  refuse: 2,
  swallow: 4,
  hold: 3,
  delay: 2,
  slow: 2,
  outage: 8,
  "full disk": 2,
};

/** Kinds of which each is asked for on its own, or together with its like. */
export const GROUPS = {
  "kills of brokers": ["broker kill"],
  cuts: ["cut", "half-open", "refuse", "swallow"],
  stops: ["stop", "broker stop"],
} as const satisfies Readonly<Record<string, readonly Kind[]>>;

export interface Size {
  /** How long faults are made, and requests sent at a rate that brings the events in that time. */
  readonly minutes: number;
  /** On a busy machine faults take longer than planned; then the run is given up. */
  readonly minutesMax: number;
  /** How long the rest may take to be delivered, in milliseconds. */
  readonly drainMsMax: number;
  /** Answered requests. */
  readonly events: number;
  readonly faults: FaultCounts;
  /** Less of what makes a run a test, and it was none. */
  readonly minima: {
    readonly recoveries: number;
    readonly missingState: number;
    readonly kills: number;
    readonly groups: Readonly<Record<keyof typeof GROUPS, number>>;
  };
}

/**
 * What every test run of the project does: each kind that breaks something, and each moment of a kill, in about a minute
 * on a machine that does nothing else.
 */
export const SHORT: Size = {
  minutes: 1,
  minutesMax: 3,
  drainMsMax: 60_000,
  events: 5_000,
  faults: {
    kill: 9,
    stop: 1,
    "broker kill": 1,
    "broker stop": 1,
    cut: 1,
    "half-open": 1,
    swallow: 1,
    outage: 1,
    "full disk": 1,
  },
  minima: { recoveries: 8, missingState: 1, kills: 9, groups: { "kills of brokers": 1, cuts: 3, stops: 2 } },
};

/** As long as it takes on a machine that others use, too. */
const OVERTIME = 3;
/** What waits was accepted within the longest fault: seconds of work, and a back-off of half a minute. */
const LONG_DRAIN_MS_MAX = 180_000;

/** @param events - In place of the minutes' part of the long form. */
export function sizeOf(minutes: number, nodes: Nodes, events?: number): Size {
  const part = (whole: number): number => Math.ceil((whole * minutes) / LONG_MINUTES[nodes]);
  const faults = Object.fromEntries(Object.entries(LONG_FAULTS).map(([kind, count]) => [kind, part(count)])) as Record<Kind, number>;
  const sum = (kinds: readonly Kind[]): number => kinds.reduce((all, kind) => all + faults[kind], 0);
  return {
    minutes,
    minutesMax: minutes * OVERTIME,
    drainMsMax: LONG_DRAIN_MS_MAX,
    events: events ?? part(LONG_EVENTS),
    faults,
    minima: {
      recoveries: part(LONG_RECOVERIES_MIN),
      missingState: part(LONG_MISSING_STATE_MIN),
      kills: faults.kill,
      groups: { "kills of brokers": sum(GROUPS["kills of brokers"]), cuts: sum(GROUPS.cuts), stops: sum(GROUPS.stops) },
    },
  };
}
