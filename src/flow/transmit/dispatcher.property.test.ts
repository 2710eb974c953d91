/**
 * The dispatcher under random misfortune: drivers that fail in every way, disks that fail, kills and orderly restarts.
 * fast-check prints seed and path of a failure, and shrinks it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { OutgoingMessage } from "../../driver/destination.ts";
import { SidestreamError, type ErrorCode } from "../../errors.ts";
import { Dispatcher } from "./dispatcher.ts";
import { MemoryDeadLetters, MemoryLog, spooled } from "./testing/memory-log.ts";
import { failFrom, refuse, ScriptedDestination, takeAll, type Answer } from "./testing/scripted-destination.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";

type Step =
  | { readonly kind: "take" | "throw" | "wrong-length" | "hang" }
  | { readonly kind: "fail"; readonly index: number; readonly code: ErrorCode }
  /** Some arrive, yet the driver can't say which. */
  | { readonly kind: "unsure"; readonly arrived: number }
  | { readonly kind: "refuse"; readonly every: number }
  /** Answers after a while; aborted, it has taken some. */
  | { readonly kind: "slow"; readonly waitMs: number; readonly arrived: number };

/** What happens to the process after some time. */
interface Fate {
  readonly afterMs: number;
  readonly how: "kill" | "stop";
}

interface Misfortune {
  readonly keys: readonly number[];
  readonly lanes: number;
  readonly inFlightMax: number;
  readonly steps: readonly Step[];
  readonly confirmFailures: readonly boolean[];
  readonly deadLetterFailures: readonly boolean[];
  readonly openFailures: readonly boolean[];
  readonly fates: readonly Fate[];
}

const index = fc.nat({ max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom("take", "throw", "wrong-length", "hang") }),
  fc.record({
    kind: fc.constant("fail" as const),
    index,
    code: fc.constantFrom<ErrorCode>("SST_DESTINATION_BUSY", "SST_DESTINATION_UNREACHABLE", "SST_DESTINATION_UNSURE"),
  }),
  fc.record({ kind: fc.constant("unsure" as const), arrived: index }),
  fc.record({ kind: fc.constant("refuse" as const), every: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant("slow" as const), waitMs: fc.constantFrom(10, 1_000, 40_000), arrived: index }),
);
const misfortune: fc.Arbitrary<Misfortune> = fc.record({
  keys: fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 120 }),
  lanes: fc.integer({ min: 1, max: 4 }),
  inFlightMax: fc.integer({ min: 1, max: 30 }),
  steps: fc.array(step, { maxLength: 40 }),
  confirmFailures: fc.array(fc.boolean(), { maxLength: 10 }),
  deadLetterFailures: fc.array(fc.boolean(), { maxLength: 10 }),
  openFailures: fc.array(fc.boolean(), { maxLength: 6 }),
  fates: fc.array(fc.record({ afterMs: fc.constantFrom(0, 60, 500, 5_000, 60_000), how: fc.constantFrom("kill", "stop") }), {
    maxLength: 4,
  }),
});

function unsure(batch: readonly OutgoingMessage[]): SidestreamError[] {
  return batch.map(() => new SidestreamError("SST_DESTINATION_UNSURE", "scripted"));
}

function answerOf(step: Step, clock: VirtualClock): Answer {
  switch (step.kind) {
    case "take":
      return takeAll;
    case "throw":
      return () => {
        throw new Error("scripted");
      };
    case "wrong-length":
      return async (batch, arrive) => {
        arrive(batch);
        return batch.slice(1).map(() => null);
      };
    case "hang":
      return (batch, arrive) => {
        arrive(batch.slice(0, Math.ceil(batch.length / 2)));
        // What was in a buffer arrives long after the connection was left behind.
        clock.after(50_000, () => arrive(batch));
        return new Promise(() => {});
      };
    case "fail":
      return failFrom(step.index, step.code);
    case "unsure":
      return async (batch, arrive) => {
        arrive(batch.slice(0, step.arrived));
        return unsure(batch);
      };
    case "refuse":
      return refuse(({ sequence }) => sequence % step.every === 0);
    case "slow":
      return (batch, arrive, signal) =>
        new Promise((resolve) => {
          const cancel = clock.after(step.waitMs, () => resolve(takeAll(batch, arrive, signal)));
          signal.addEventListener("abort", () => {
            cancel();
            arrive(batch.slice(0, step.arrived));
            resolve(unsure(batch));
          });
        });
  }
}

/**
 * Once refused, always refused. A destination that changes its mind after a kill can get messages out of order: the
 * refused one may not be on disk among the dead letters yet, while its successor is delivered.
 */
function sticky(answer: Answer, refused: Set<number>): Answer {
  return async (batch, arrive, signal) => {
    const outcomes = await answer(batch, (messages) => arrive(messages.filter(({ sequence }) => !refused.has(sequence))), signal);
    return outcomes.map((outcome, at) => {
      const sequence = batch[at]?.sequence ?? 0;
      if (outcome?.code === "SST_DESTINATION_REFUSED") refused.add(sequence);
      return outcome === null && refused.has(sequence) ? new SidestreamError("SST_DESTINATION_REFUSED", "scripted") : outcome;
    });
  };
}

/** Fails as long as the list says so, then never. */
function failing(failures: boolean[]): () => Promise<void> {
  return async () => {
    if (failures.shift() === true) throw new SidestreamError("SST_SPOOL_IO", "scripted");
  };
}

/** One process after another works on the same log, until everything is confirmed. */
async function live(given: Misfortune): Promise<void> {
  const clock = new VirtualClock();
  const messages = given.keys.map((key, at) => spooled(at * 2 + 1, `key${key}`));
  let log = new MemoryLog(messages);
  const deadLetters = new MemoryDeadLetters();
  deadLetters.beforeAdd = failing([...given.deadLetterFailures]);
  const beforeConfirm = failing([...given.confirmFailures]);
  const openFailure = failing([...given.openFailures]);
  const steps = [...given.steps];
  const refused = new Set<number>();
  const arrived: OutgoingMessage[] = [];
  const violations: string[] = [];

  const begin = (): { readonly dispatcher: Dispatcher; readonly destination: ScriptedDestination } => {
    const destination = new ScriptedDestination(given.lanes);
    destination.beforeOpen = async () => {
      if (destination.openCount > destination.disposeCount) violations.push("opened before the last connection was disposed");
      await openFailure();
    };
    const acknowledged = new Set<number>();
    destination.otherwise = async (batch, arrive, signal) => {
      const next = steps.shift() ?? { kind: "take" };
      const outcomes = await sticky(answerOf(next, clock), refused)(batch, arrive, signal);
      for (const [at, { sequence }] of batch.entries()) if (outcomes[at] === null) acknowledged.add(sequence);
      return outcomes;
    };
    const ownLog = log;
    ownLog.beforeConfirm = beforeConfirm;
    const dispatcher = new Dispatcher({
      log,
      deadLetters,
      driver: destination.driver,
      options: {},
      inFlightMax: given.inFlightMax,
      clock,
      random: () => 0.5,
    });
    destination.onSend = () => {
      // A lane that is stuck keeps one message beside the window.
      const inFlightMax = given.inFlightMax + given.lanes;
      const unconfirmed = [...acknowledged].filter((sequence) => !ownLog.isConfirmed(sequence));
      if (unconfirmed.length > inFlightMax) violations.push("the window was exceeded by what was delivered and is not confirmed");
      if (dispatcher.status().inFlight > inFlightMax) violations.push("the window was exceeded by what was read");
    };
    dispatcher.start();
    return { dispatcher, destination };
  };
  const ended = (destination: ScriptedDestination): void => {
    destination.cut();
    arrived.push(...destination.arrived);
    violations.push(...destination.violations, ...log.violations);
  };

  let { dispatcher, destination } = begin();
  for (const { afterMs, how } of given.fates) {
    await clock.advance(afterMs);
    if (how === "stop") {
      let stopped = false;
      void dispatcher.stop(1_000).then(() => (stopped = true));
      await clock.until(() => stopped, 60_000);
    }
    ended(destination);
    log = log.crash();
    ({ dispatcher, destination } = begin());
  }
  await clock.until(() => log.unconfirmedCount === 0);
  await clock.advance(100_000);
  ended(destination);
  check(
    messages.map(({ logSequence }) => logSequence),
    arrived,
    log,
    deadLetters,
    violations,
  );
}

function check(
  sequences: readonly number[],
  arrived: readonly OutgoingMessage[],
  log: MemoryLog,
  deadLetters: MemoryDeadLetters,
  violations: readonly string[],
): void {
  assert.deepEqual(violations, []);
  const firsts = new Map<string, number[]>();
  for (const { key, sequence } of arrived) {
    const seen = firsts.get(key) ?? [];
    if (!seen.includes(sequence)) seen.push(sequence);
    firsts.set(key, seen);
  }
  for (const [key, seen] of firsts)
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
      `${key} arrived out of order`,
    );
  const delivered = new Set(arrived.map(({ sequence }) => sequence));
  const dead = new Set(deadLetters.letters.map(({ message }) => message.logSequence));
  for (const { logSequence, outcome } of log.confirmations) {
    assert((outcome === "delivered" ? delivered : dead).has(logSequence), `${logSequence} was confirmed as ${outcome}, and is not`);
  }
  assert.deepEqual(
    log.confirmations.map(({ logSequence }) => logSequence).toSorted((a, b) => a - b),
    sequences,
    "each message is confirmed once",
  );
}

test("whatever fails, nothing is lost, order holds per key, and the window is kept", async () => {
  await fc.assert(fc.asyncProperty(misfortune, live), { numRuns: 300 });
});
