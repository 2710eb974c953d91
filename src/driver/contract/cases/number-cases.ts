/** Numbers of lanes: what is sent again arrives once, what is in doubt is told, whatever process or connection asks. */
import assert from "node:assert/strict";
import type { LanePosition, NumberedConnection, OutgoingMessage } from "../../destination.ts";
import { assertMayPass, isRefusal, type Body, type ContractBench } from "../bench.ts";
import { SEND_MS_MAX, settles } from "../bounds.ts";
import type { DestinationHarness } from "../harness.ts";

const BATCH_COUNT = 200;
/** When a send is aborted, one round each: from before its first byte to after its answer. */
const ABORTS = [...[0, 1, 2, 5, 20].map((turns) => ({ turns })), ...[1, 2, 4, 8, 16].map((ms) => ({ ms }))];
/** A number that no lane has come to. */
const FAR_NUMBER = 1_000;

export function numberCases({ refused, oversizeBytes }: DestinationHarness): Record<string, Body> {
  return {
    ...repetitionCases(),
    ...doubtCases(),
    ...renumberCases(),
    ...(refused?.value === undefined && refused?.key === undefined
      ? {}
      : { [GAPLESS]: (bench) => assertGapless(bench, () => bench.message(refused)) }),
    ...(oversizeBytes === undefined
      ? {}
      : { [`${GAPLESS}: one too large`]: (bench) => assertGapless(bench, () => bench.message({ valueBytes: oversizeBytes })) }),
  };
}

const GAPLESS = "after a message that is refused the next has its number";

function repetitionCases(): Record<string, Body> {
  return {
    "a batch that is sent again arrives once, over the same connection and over a new one": async (bench) => {
      const connection = await bench.openNumbered();
      const batch = bench.messages(10);
      await bench.deliver(connection, batch);
      await repeat(bench, connection, batch);
      await bench.dispose(connection);
      const again = await bench.openNumbered();
      const lane = await laneOf(again, batch);
      const { number } = await ask(again, lane, { number: 0, position: null });
      assert.equal(number, batch.length, "it tells what it has, also to who doesn't know");
      await repeat(bench, again, batch);
      await bench.assertArrived(batch);
      const later = bench.messages(10);
      await bench.deliverAtLast(later, again);
      await bench.assertArrived([...batch, ...later]);
    },
    "a process that starts with an older cursor sends nothing twice": async (bench) => {
      const sent: OutgoingMessage[] = [];
      const keyed = (count: number): OutgoingMessage[] => {
        const batch = bench.messages(count, (index) => ({ key: `key${index % 5}` }));
        sent.push(...batch);
        return batch;
      };
      const first = await bench.open();
      await bench.deliver(first, keyed(20));
      const cursor = bench.lanes.positions();
      const pending = [keyed(30), keyed(1), keyed(30)];
      for (const batch of pending) await bench.deliver(first, batch);
      await bench.dispose(first);
      bench.lanes.goBackTo(cursor);
      const second = await bench.open();
      await bench.deliver(second, [...pending.flat(), ...keyed(10)]);
      await bench.dispose(second);
      bench.lanes.goBackTo(new Map());
      await bench.deliver(await bench.open(), [...sent]);
      await bench.assertArrived(sent);
    },
  };
}

function doubtCases(): Record<string, Body> {
  return {
    "of a lane that nothing was sent to it knows nothing": async (bench) => {
      const connection = await bench.openNumbered();
      const lane = await laneOf(connection, bench.messages(1));
      const { number } = await ask(connection, lane, { number: 0, position: null });
      assert(number === null || number === 0, `it expects ${number}`);
    },
    "after an abort in mid-send it tells how many arrived, and going on from there neither loses nor doubles": async (bench) => {
      const sent = bench.messages(1);
      const first = await bench.openNumbered();
      await bench.deliver(first, sent);
      let connection = first;
      for (const [round, abort] of ABORTS.entries()) {
        const cursor = bench.lanes.positions();
        const batch = bench.messages(BATCH_COUNT, () => ({ valueBytes: 1_000 }));
        const outcomes = await bench.send(connection, batch, abortedAfter(abort));
        assert(!outcomes.some(isRefusal), "an abort refuses nothing");
        // As after the death of the process: what it acknowledged since is in doubt as well.
        if (round % 2 === 0) bench.lanes.goBackTo(cursor);
        await bench.dispose(connection);
        connection = await bench.openNumbered();
        const { number } = await bench.lanes.recover(connection, await laneOf(connection, batch), AbortSignal.timeout(SEND_MS_MAX));
        const received = await bench.receivedValues();
        assert(number !== null && received.length >= number, `${number} arrived, it says; ${received.length} did`);
        sent.push(...batch);
        await bench.deliver(connection, batch);
      }
      await bench.assertArrived(sent);
    },
  };
}

function renumberCases(): Record<string, Body> {
  const cases: Record<string, Body> = {};
  for (const [where, numberOf] of [
    ["where it stands", (next: number) => next],
    ["higher up", () => FAR_NUMBER],
    ["at 0", () => 0],
  ] as const)
    cases[`a lane whose numbers begin anew ${where} goes on`] = async (bench) => {
      const sent = bench.messages(10);
      const connection = await bench.openNumbered();
      await bench.deliver(connection, sent);
      const lane = await laneOf(connection, sent);
      await bench.lanes.renumber(connection, lane, numberOf(sent.length), AbortSignal.timeout(SEND_MS_MAX));
      const next = bench.messages(10);
      await bench.deliver(connection, next);
      await repeat(bench, connection, next);
      await bench.dispose(connection);
      const later = bench.messages(10);
      await bench.deliverAtLast([...next, ...later]);
      await bench.assertArrived([...sent, ...next, ...later]);
    };
  return cases;
}

async function assertGapless(bench: ContractBench, bad: () => OutgoingMessage): Promise<void> {
  const refusedOne = bad();
  const { topic, key } = refusedOne;
  const good = bench.messages(6, () => ({ topic, key }));
  const connection = await bench.openNumbered();
  // In the midst, at the start and at the end of a batch.
  for (const [from, at] of [
    [0, 1],
    [2, 0],
    [4, 2],
  ] as const) {
    const batch = good.slice(from, from + 2).toSpliced(at, 0, refusedOne);
    const outcomes = await bench.send(connection, batch);
    assert.deepEqual(
      outcomes.map((outcome) => (isRefusal(outcome) ? "refused" : (outcome?.code ?? "delivered"))),
      batch.map((message) => (message === refusedOne ? "refused" : "delivered")),
    );
  }
  await bench.dispose(connection);
  const again = await bench.openNumbered();
  const { number } = await bench.lanes.recover(again, await laneOf(again, good), AbortSignal.timeout(SEND_MS_MAX));
  assert.equal(number, good.length);
  const later = bench.messages(3, () => ({ topic, key }));
  await bench.deliver(again, later);
  await bench.assertArrived([...good, ...later]);
}

/** Sends under the numbers that the lane's last messages had. They may be taken for what they are, or the numbers be refused. */
async function repeat(bench: ContractBench, connection: NumberedConnection, batch: readonly OutgoingMessage[]): Promise<void> {
  const lane = await laneOf(connection, batch);
  const { number } = bench.lanes.positions().get(lane) as LanePosition;
  const signal = AbortSignal.timeout(SEND_MS_MAX);
  const firstNumber = number - batch.length;
  const { outcomes } = await settles(connection.send({ lane, firstNumber, messages: batch }, signal), signal, "send");
  for (const outcome of outcomes) if (outcome !== null) assertMayPass(outcome);
  // Whatever came of it, the lane is asked again, as the flow would do.
  bench.lanes.goBackTo(bench.lanes.positions());
}

export async function ask(connection: NumberedConnection, lane: string, last: LanePosition): Promise<{ readonly number: number | null }> {
  const signal = AbortSignal.timeout(SEND_MS_MAX);
  return settles(connection.recover(lane, last, signal), signal, "recover");
}

/** The one lane of messages of one topic and key. */
export async function laneOf(connection: NumberedConnection, messages: readonly OutgoingMessage[]): Promise<string> {
  const lanes = new Set<string>();
  for (const message of messages) lanes.add(await connection.lane(message));
  assert.equal(lanes.size, 1, "messages of one topic and key have one lane");
  return [...lanes][0] as string;
}

/** Turns of the event loop, or milliseconds. */
function abortedAfter(when: { readonly turns: number } | { readonly ms: number }): AbortSignal {
  if ("ms" in when) return AbortSignal.timeout(when.ms);
  const controller = new AbortController();
  const turn = (left: number): void => {
    if (left === 0) controller.abort();
    else setImmediate(() => turn(left - 1));
  };
  turn(when.turns);
  return controller.signal;
}
