/** The destination is stopped, killed or stands still, with messages in flight and without. */
import assert from "node:assert/strict";
import type { DestinationConnection, OutgoingMessage, SendOutcome } from "../../destination.ts";
import { assertMayPass, isRefusal, mayPass, type Body, type ContractBench } from "../bench.ts";
import { SEND_MS_MAX } from "../bounds.ts";
import type { DestinationHarness } from "../harness.ts";

/** Long enough for a send to be on its way, far shorter than the flow waits. */
const SEND_MS_PAUSED = 1_000;
const KEY_COUNT = 5;
/** Sends that are answered before the destination fails under the next. */
const SENDS_BEFORE = 3;
/** The first sends are large, so that some of it is on its way; those during an orderly stop are small. */
const BATCH_COUNT = 200;
const BATCH_COUNT_STOPPING = 20;
const VALUE_BYTES = 1_000;

export function outageCases(harness: DestinationHarness): Record<string, Body> {
  const cases: Record<string, Body> = {};
  if (harness.stop !== undefined) {
    cases["while the destination is stopped a send is answered with failures that may pass, and nothing is lost over it"] = (bench) =>
      assertOutage(bench, () => bench.stop());
    cases["while the destination is stopped, checks and openings fail in a way that may pass"] = async (bench) => {
      const connection = await bench.open();
      await bench.stop();
      await assert.rejects(connection.check(AbortSignal.timeout(SEND_MS_MAX), bench.topics), (error) => {
        for (const problem of error instanceof AggregateError ? error.errors : [error]) assertMayPass(problem);
        return true;
      });
      await bench.dispose(connection);
      await assert.rejects(bench.open(AbortSignal.timeout(SEND_MS_MAX)), assertMayPass);
      await bench.start();
      await bench.deliverAtLast(bench.messages(1));
    };
    cases["when the destination is restarted with messages in flight, none is lost, nor doubled where that is promised"] = (bench) =>
      assertFlight(bench, async () => bench.stop());
  }
  if (harness.kill !== undefined)
    cases["when the destination is killed with messages in flight, none is lost, nor doubled where that is promised"] = (bench) =>
      assertFlight(bench, async () => bench.kill());
  return cases;
}

export function pauseCases(): Record<string, Body> {
  return {
    "when the destination stands still with messages in flight, a send that is aborted settles, and none is lost nor doubled": (bench) =>
      assertFlight(bench, async () => bench.pause(), SEND_MS_PAUSED),
    "while the destination stands still, an opening that is aborted ends": async (bench) => {
      await bench.pause();
      // The bench sees to it that it settles in time; a driver that needs no answer may succeed.
      await bench.open(AbortSignal.timeout(SEND_MS_PAUSED)).catch(assertMayPass);
      await bench.resume();
      const sent = bench.messages(1);
      await bench.deliverAtLast(sent);
      await bench.assertArrived(sent, bench.doublesAfterDoubt);
    },
  };
}

async function assertOutage(bench: ContractBench, fail: () => Promise<void>): Promise<void> {
  const connection = await bench.open();
  const before = bench.messages(5);
  await bench.deliver(connection, before);
  await fail();
  const during = bench.messages(5);
  const outcomes = await bench.send(connection, during);
  assert(outcomes.every(mayPass), "a destination that is stopped neither takes nor refuses");
  await bench.dispose(connection);
  await bench.start();
  await bench.deliverAtLast(during);
  await bench.assertArrived([...before, ...during], bench.doublesAfterDoubt);
}

/** Sends one batch after another while the destination fails, until one is not taken; then lets it go on and repeats what was not. */
async function assertFlight(bench: ContractBench, fail: () => Promise<void>, sendMs: number = SEND_MS_MAX): Promise<void> {
  const connection = await bench.open();
  const sent: OutgoingMessage[] = [];
  const next = (count: number): OutgoingMessage[] => {
    const batch = bench.messages(count, (index) => ({ key: `key${index % KEY_COUNT}`, valueBytes: VALUE_BYTES }));
    sent.push(...batch);
    return batch;
  };
  for (let count = 0; count < SENDS_BEFORE; count += 1) await bench.deliver(connection, next(BATCH_COUNT));
  const underWay = next(BATCH_COUNT);
  const sending = bench.send(connection, underWay, AbortSignal.timeout(sendMs));
  const failing = fail();
  const waiting = left(underWay, await sending);
  if (waiting.length === 0) waiting.push(...(await sendUntilFailure(bench, connection, next, sendMs)));
  await failing;
  await bench.dispose(connection);
  if (bench.isPaused) await bench.resume();
  else await bench.start();
  await bench.deliverAtLast(waiting);
  await bench.assertArrived(sent, bench.doublesAfterDoubt);
}

/** @returns What was not taken. */
async function sendUntilFailure(
  bench: ContractBench,
  connection: DestinationConnection,
  next: (count: number) => OutgoingMessage[],
  sendMs: number,
): Promise<OutgoingMessage[]> {
  const deadline = AbortSignal.timeout(SEND_MS_MAX);
  while (!deadline.aborted) {
    const batch = next(BATCH_COUNT_STOPPING);
    const waiting = left(batch, await bench.send(connection, batch, AbortSignal.timeout(sendMs)));
    if (waiting.length > 0) return waiting;
  }
  assert.fail("the destination went on taking messages");
}

function left(batch: readonly OutgoingMessage[], outcomes: readonly SendOutcome[]): OutgoingMessage[] {
  assert(!outcomes.some(isRefusal), "nothing is refused for good over it");
  return batch.filter((_, index) => outcomes[index] !== null);
}
