/**
 * Random misfortune for numbered lanes: answers that are lost, requests that come late, kills, damage, a destination that
 * forgets. fast-check makes it; `live` lives through it.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { SidestreamError } from "../../../errors.ts";
import { Dispatcher } from "../dispatcher.ts";
import { decideLanes } from "../lane-decision.ts";
import { MemoryDeadLetters, MemoryLog, spooled } from "./memory-log.ts";
import { NumberedDestination, type Fault } from "./numbered-destination.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface Misfortune {
  readonly keys: readonly number[];
  readonly topics: number;
  readonly inFlightMax: number;
  readonly faults: readonly Fault[];
  readonly questionFailures: readonly boolean[];
  readonly confirmFailures: readonly boolean[];
  readonly keepFailures: readonly boolean[];
  /** Every so many messages one is refused; 0 for none. */
  readonly refusedEvery: number;
  readonly kills: readonly Kill[];
  /** Messages appended while the first process runs. */
  readonly laterCount: number;
  /** Questions for a topic's lanes that fail at first. */
  readonly topicFailures: number;
  /** A lane that fails for so long. */
  readonly stuck: { readonly lane: string; readonly ms: number } | null;
}

/** The process is killed. */
interface Kill {
  readonly afterMs: number;
  /** Messages that damage takes from the log meanwhile, by index among those there were at the start. */
  readonly damaged: readonly number[];
  /** Messages appended after that, before the next process begins. */
  readonly laterCount: number;
  /** Milliseconds that the next one's first writes take, and its questions: time for late requests to arrive in. */
  readonly keepDelaysMs: readonly number[];
  readonly questionDelaysMs: readonly number[];
}

export const KEPT_FAULTS: readonly Fault[] = ["none", "lost-before", "lost-after", "late", "hang", "busy", "unreachable", "split"];

export function misfortune(faults: readonly Fault[], mayDamage: boolean): fc.Arbitrary<Misfortune> {
  return fc.record({
    keys: fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 120 }),
    topics: fc.integer({ min: 1, max: 3 }),
    inFlightMax: fc.integer({ min: 1, max: 30 }),
    faults: fc.array(fc.constantFrom(...faults), { maxLength: 40 }),
    questionFailures: fc.array(fc.boolean(), { maxLength: 10 }),
    confirmFailures: fc.array(fc.boolean(), { maxLength: 10 }),
    keepFailures: fc.array(fc.boolean(), { maxLength: 10 }),
    refusedEvery: fc.constantFrom(0, 0, 3, 7),
    kills: fc.array(
      fc.record({
        afterMs: fc.constantFrom(0, 60, 500, 5_000, 40_000, 60_000),
        damaged: mayDamage ? fc.array(fc.nat({ max: 119 }), { maxLength: 3 }) : fc.constant([]),
        laterCount: fc.nat({ max: 3 }),
        keepDelaysMs: fc.array(fc.constantFrom(0, 100, 60_000), { maxLength: 2 }),
        questionDelaysMs: fc.array(fc.constantFrom(0, 100, 20_000), { maxLength: 2 }),
      }),
      { maxLength: 4 },
    ),
    laterCount: fc.nat({ max: 20 }),
    topicFailures: fc.constantFrom(0, 0, 1, 4, 12),
    stuck: fc.option(fc.record({ lane: fc.constantFrom("topic0/0", "topic0/1", "topic1/0"), ms: fc.constantFrom(300, 3_000, 100_000) })),
  });
}

/**
 * Few messages of few lanes, most of them sent in requests that come late: what damage and later messages leave makes
 * batches of the same numbers as those that are still on their way.
 */
export function lateMisfortune(): fc.Arbitrary<Misfortune> {
  const kill = fc.record({
    afterMs: fc.constantFrom(0, 60, 40_000),
    damaged: fc.array(fc.nat({ max: 3 }), { maxLength: 2 }),
    laterCount: fc.nat({ max: 2 }),
    keepDelaysMs: fc.array(fc.constantFrom(0, 60_000), { maxLength: 2 }),
    questionDelaysMs: fc.array(fc.constantFrom(0, 20_000), { maxLength: 2 }),
  });
  return fc.record({
    keys: fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 4 }),
    topics: fc.constant(1),
    inFlightMax: fc.constant(30),
    faults: fc.array(fc.constantFrom<Fault>("late", "late", "hang", "none", "lost-after", "split"), { minLength: 1, maxLength: 6 }),
    questionFailures: fc.array(fc.boolean(), { maxLength: 2 }),
    confirmFailures: fc.array(fc.boolean(), { maxLength: 2 }),
    keepFailures: fc.array(fc.boolean(), { maxLength: 2 }),
    refusedEvery: fc.constantFrom(0, 0, 0, 2),
    kills: fc.array(kill, { minLength: 1, maxLength: 3 }),
    laterCount: fc.nat({ max: 2 }),
    topicFailures: fc.constant(0),
    stuck: fc.constant(null),
  });
}

function failing(failures: boolean[]): () => Promise<void> {
  return async () => {
    if (failures.shift() === true) throw new SidestreamError("SST_SPOOL_IO", "scripted");
  };
}

export interface Outcome {
  readonly log: MemoryLog;
  readonly destination: NumberedDestination;
  readonly deadLetters: MemoryDeadLetters;
  /** Lanes that somebody had to decide over. */
  readonly decisions: number;
}

/** @param exactlyOnce - Of each message. Lanes that stop are decided over by somebody who looks into the destination. */
export async function live(given: Misfortune, exactlyOnce = false): Promise<Outcome> {
  const clock = new VirtualClock();
  const message = (at: number) => ({
    ...spooled(at * 2 + 1, `key${given.keys[at % given.keys.length]}`),
    topic: `topic${at % given.topics}`,
    exactlyOnce,
  });
  let count = given.keys.length;
  let log = new MemoryLog(given.keys.map((_, at) => message(at)));
  const append = (more: number): void => {
    for (const end = count + more; count < end; count += 1) log.append(message(count));
  };
  const deadLetters = new MemoryDeadLetters();
  const destination = new NumberedDestination(clock);
  destination.faults.push(...given.faults);
  destination.questionFailures.push(...given.questionFailures);
  destination.isRefused = ({ sequence }) => given.refusedEvery > 0 && (sequence - 1) % (2 * given.refusedEvery) === 0;
  const startedMs = clock.nowMs();
  let topicFailures = given.topicFailures;
  destination.topicError = () => (topicFailures-- > 0 ? new SidestreamError("SST_TOPIC_MISSING", "scripted") : null);
  const { stuck } = given;
  destination.laneError = (lane) => (stuck?.lane === lane && clock.nowMs() < startedMs + stuck.ms ? "SST_LANE_UNAVAILABLE" : null);
  const beforeConfirm = failing([...given.confirmFailures]);
  const keepFails = failing([...given.keepFailures]);
  const keepDelaysMs: number[] = [];
  const beforeKeep = async (): Promise<void> => {
    const delayMs = keepDelaysMs.shift() ?? 0;
    if (delayMs > 0) await new Promise<void>((resolve) => void clock.after(delayMs, resolve));
    await keepFails();
  };
  const violations: string[] = [];

  const begin = (): Dispatcher => {
    log.beforeConfirm = beforeConfirm;
    log.beforeKeep = beforeKeep;
    const parts = { log, deadLetters, driver: destination.driver, options: {}, inFlightMax: given.inFlightMax, clock, random: () => 0.5 };
    const dispatcher = new Dispatcher(parts);
    dispatcher.start();
    return dispatcher;
  };
  let dispatcher = begin();
  append(given.laterCount);
  for (const { afterMs, damaged, laterCount, ...delays } of given.kills) {
    await clock.advance(afterMs);
    violations.push(...log.violations);
    destination.cut();
    log = log.crash();
    for (const at of damaged) log.damage((at % given.keys.length) * 2 + 1);
    append(laterCount);
    keepDelaysMs.splice(0, Infinity, ...delays.keepDelaysMs);
    destination.questionDelaysMs.splice(0, Infinity, ...delays.questionDelaysMs);
    dispatcher = begin();
  }
  let decisions = 0;
  for (let lane: string | null = ""; lane !== null;) {
    await clock.until(() => log.unconfirmedCount === 0 || stoppedLane(dispatcher) !== null);
    lane = stoppedLane(dispatcher);
    if (lane === null) break;
    await decide(log, dispatcher, lane, destination, clock);
    decisions += 1;
    dispatcher = begin();
  }
  await clock.advance(200_000);
  assert.deepEqual([...violations, ...log.violations, ...destination.violations], []);
  return { log, destination, deadLetters, decisions };
}

function stoppedLane(dispatcher: Dispatcher): string | null {
  return dispatcher.status().blocked.find(({ code }) => code === "SST_LANE_IN_DOUBT")?.lane ?? null;
}

/** Somebody looks into the destination: what arrived is left out, the rest is sent. Tries again where the disk fails. */
async function decide(
  log: MemoryLog,
  dispatcher: Dispatcher,
  lane: string,
  destination: NumberedDestination,
  clock: VirtualClock,
): Promise<void> {
  await clock.until(() => dispatcher.inDoubt(lane) !== null);
  const parts = { name: log.destination, log, dispatcher, isEnding: () => false };
  const call = { destination: log.destination, lane, through: null };
  const { lanes } = await decideLanes(parts, { ...call, action: "show" });
  const arrived = new Set(destination.arrived.map(({ sequence }) => sequence));
  const last = lanes[0]?.messages.findLast(({ logSequence }) => arrived.has(logSequence));
  const chosen = last === undefined ? ({ action: "resend" } as const) : ({ action: "skip", through: last.logSequence } as const);
  const decision = await decideLanes(parts, { ...call, ...chosen });
  await passing(clock, dispatcher.stop(0));
  destination.cut();
  for (let tries = 0; ; tries += 1) {
    try {
      return await passing(clock, decision.decide?.() ?? Promise.resolve());
    } catch (error) {
      if (tries > 20) throw error;
    }
  }
}

/** Lets time pass until it has settled. */
async function passing(clock: VirtualClock, ending: Promise<void>): Promise<void> {
  let isSettled = false;
  const settled = (): boolean => (isSettled = true);
  void ending.then(settled, settled);
  await clock.until(() => isSettled);
  await ending;
}

export function assertNothingLost({ log, destination, deadLetters }: Outcome): void {
  const arrived = new Set(destination.arrived.map(({ sequence }) => sequence));
  const dead = new Set(deadLetters.letters.map(({ message }) => message.logSequence));
  for (const { logSequence, outcome } of log.confirmations)
    assert((outcome === "dead" ? dead : arrived).has(logSequence), `${logSequence} was confirmed as ${outcome}, and is not`);
}

export function assertOrder({ destination }: Outcome): void {
  const seen = new Map<string, number[]>();
  for (const { topic, key, sequence } of destination.arrived) {
    const lane = `${topic} ${key}`;
    const sequences = seen.get(lane) ?? [];
    if (!sequences.includes(sequence)) sequences.push(sequence);
    seen.set(lane, sequences);
  }
  for (const [lane, sequences] of seen)
    assert.deepEqual(
      sequences,
      sequences.toSorted((a, b) => a - b),
      `${lane} arrived out of order`,
    );
}
