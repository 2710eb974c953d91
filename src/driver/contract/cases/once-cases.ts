/** Messages that are sent once, without numbers, beside numbered ones: both arrive, and neither disturbs the other. */
import assert from "node:assert/strict";
import type { NumberedConnection, OutgoingMessage, SendOutcome } from "../../destination.ts";
import { assertMayPass, isRefusal, type Body } from "../bench.ts";
import { SEND_MS_MAX, settles } from "../bounds.ts";
import type { DestinationHarness } from "../harness.ts";
import { assertOutcomes } from "../numbered-lanes.ts";

const BATCH_COUNT = 50;
/** Keys enough to be spread over several lanes. */
const KEY_COUNT = 8;
const ROUND_COUNT = 5;

export function onceCases({ refused, oversizeBytes }: DestinationHarness): Record<string, Body> {
  const cases: Record<string, Body> = {
    "what is sent once arrives in order beside numbered messages, and takes none of their numbers": async (bench) => {
      const numbered: OutgoingMessage[] = [];
      const once: OutgoingMessage[] = [];
      const connection = await bench.openNumbered();
      for (let round = 0; round < ROUND_COUNT; round += 1) {
        const batch = bench.messages(BATCH_COUNT, (index) => ({ key: `numbered${index % KEY_COUNT}` }));
        const beside = bench.messages(BATCH_COUNT, (index) => ({ key: `once${index % KEY_COUNT}` }));
        const [, outcomes] = await Promise.all([bench.deliver(connection, batch), sentOnce(connection, beside)]);
        for (const outcome of outcomes) assert.equal(outcome, null);
        numbered.push(...batch);
        once.push(...beside);
      }
      await bench.assertArrived([...numbered, ...once]);
      await bench.dispose(connection);
      // A process whose cursor was lost asks for every lane: nothing but the numbered messages counts.
      const positions = bench.lanes.positions();
      bench.lanes.goBackTo(new Map());
      const again = await bench.openNumbered();
      for (const [lane, { number }] of positions) {
        const signal = AbortSignal.timeout(SEND_MS_MAX);
        const recovery = await settles(again.recover(lane, { number: 0, position: null }, signal), signal, "recover");
        assert.equal(recovery.number, number, `the lane ${lane} has as many numbers as numbered messages`);
      }
      await bench.deliver(again, numbered);
      await bench.assertArrived([...numbered, ...once]);
    },
    "a send of what is sent once that is aborted is answered for each message": async (bench) => {
      const connection = await bench.openNumbered();
      const batch = bench.messages(BATCH_COUNT);
      const signal = AbortSignal.abort();
      const outcomes = await settles(connection.sendOnce(batch, signal), signal, "sendOnce");
      assertOutcomes(outcomes, batch.length);
      for (const outcome of outcomes) if (outcome !== null) assertMayPass(outcome);
    },
  };
  const refusedParts = oversizeBytes === undefined ? null : { valueBytes: oversizeBytes };
  const parts = refused?.value === undefined && refused?.key === undefined ? refusedParts : refused;
  if (parts !== null)
    cases["of what is sent once, a message that is refused for good doesn't take the others with it"] = async (bench) => {
      const connection = await bench.openNumbered();
      const bad = bench.message(parts);
      const good = bench.messages(4, () => ({ topic: bad.topic, key: bad.key }));
      const batch = good.toSpliced(2, 0, bad);
      const outcomes = await sentOnce(connection, batch);
      assert.deepEqual(
        outcomes.map((outcome) => (isRefusal(outcome) ? "refused" : (outcome?.code ?? "delivered"))),
        batch.map((message) => (message === bad ? "refused" : "delivered")),
      );
      await bench.assertArrived(good);
    };
  return cases;
}

async function sentOnce(connection: NumberedConnection, messages: readonly OutgoingMessage[]): Promise<readonly SendOutcome[]> {
  const signal = AbortSignal.timeout(SEND_MS_MAX);
  const outcomes = await settles(connection.sendOnce(messages, signal), signal, "sendOnce");
  assertOutcomes(outcomes, messages.length);
  return outcomes;
}
