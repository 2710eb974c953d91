/**
 * The scheduler: which faults a run makes, in what order, and at which moment each of them strikes.
 *
 * Promise: the same seed and counts give the same plan. Every kind has its number, and goes through its moments in turn,
 * so that none is left out by chance where there are enough of a kind.
 */
import { generator } from "../system/support/random.ts";

/**
 * `outage`: something in doubt, then longer down than brokers remember a producer.
 * `half-open`: one side of each connection is closed, the other isn't told. `swallow` and `hold`: black holes, of which the
 * second gives back what it took.
 */
export const KINDS = [
  "kill",
  "terminate",
  "stop",
  "broker kill",
  "broker stop",
  "cut",
  "half-open",
  "refuse",
  "swallow",
  "hold",
  "delay",
  "slow",
  "outage",
  "full disk",
] as const;
export type Kind = (typeof KINDS)[number];

/**
 * What is waited for before it strikes:
 * `request`: a produce request on its way, which no broker has yet.
 * `append`: a broker has a produce request, and its answer is held.
 * `answer`: the answer to a produce request was passed on, and is not noted on disk yet.
 * `refusal`: a message that is too large for its topic was accepted, and is about to be set aside and skipped.
 * `recovery`: killed with something in doubt, started again, and asking what brokers have.
 * `read-back`: the same, and reading the topic since brokers remember nothing.
 * `start`: killed, and about to start again.
 */
export const MOMENTS = ["request", "append", "answer", "refusal", "recovery", "read-back", "start", "any"] as const;
export type Moment = (typeof MOMENTS)[number];

export interface Fault {
  readonly kind: Kind;
  readonly moment: Moment;
  /** When it is looked for: a part of the run's time, from 0 to 1. */
  readonly at: number;
  /** A number from 0 up to 1 for what else is up to chance: how long it lasts. */
  readonly lasts: number;
  /** Another one: how long after the moment it strikes. */
  readonly after: number;
  /** And another: which partition's leader, which way. */
  readonly where: number;
}

export type FaultCounts = Readonly<Partial<Record<Kind, number>>>;

const NETWORK: readonly Moment[] = ["append", "request", "any", "answer", "recovery"];

/** In the order in which a kind goes through them. */
const MOMENTS_OF: Readonly<Record<Kind, readonly Moment[]>> = {
  kill: ["append", "request", "answer", "refusal", "recovery", "any", "start", "append", "refusal"],
  terminate: ["any"],
  stop: ["append", "answer", "any"],
  "broker kill": ["append", "request", "any", "recovery"],
  "broker stop": ["request", "append", "recovery", "any"],
  cut: NETWORK,
  "half-open": NETWORK,
  refuse: ["any", "append"],
  swallow: ["any", "append", "recovery"],
  hold: ["any"],
  delay: ["any"],
  slow: ["any"],
  outage: ["append", "request", "append", "read-back"],
  "full disk": ["any"],
};

/** So much of the time is left at the end for all to be delivered. */
const LAST_AT = 0.97;

/** In the order of their times, which are spread evenly. */
export function planFaults(seed: number, counts: FaultCounts): readonly Fault[] {
  const next = generator(seed);
  const wanted = KINDS.flatMap((kind) => {
    const moments = MOMENTS_OF[kind];
    // Not always with the same one first: a kind that comes once or twice has others with other seeds.
    const first = Math.floor(next() * moments.length);
    return Array.from({ length: counts[kind] ?? 0 }, (_, at) => ({ kind, moment: moments[(first + at) % moments.length] ?? "any" }));
  });
  const order = wanted.map((each) => ({ each, place: next() })).toSorted((left, right) => left.place - right.place);
  return order.map(({ each }, at) => ({
    ...each,
    at: ((at + next()) / order.length) * LAST_AT,
    lasts: next(),
    after: next(),
    where: next(),
  }));
}
