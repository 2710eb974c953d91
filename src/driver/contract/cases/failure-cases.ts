/** Failures of single messages, and sends that are aborted. */
import assert from "node:assert/strict";
import type { OutgoingMessage } from "../../destination.ts";
import { isRefusal, mayPass, type Body, type ContractBench } from "../bench.ts";
import type { DestinationHarness } from "../harness.ts";

export function failureCases(harness: DestinationHarness): Record<string, Body> {
  const { refused, oversizeBytes } = harness;
  const cases: Record<string, Body> = {};
  if (refused !== undefined)
    cases["a message that is refused for good fails alone"] = async (bench) => {
      // What is wrong with a topic would be wrong with its neighbours.
      const topic = refused.value === undefined && refused.key === undefined ? bench.topics[0] : (refused.topic ?? bench.topics[0]);
      await assertOneRefused(bench, bench.message(refused), topic);
    };
  if (oversizeBytes !== undefined)
    cases["a message that is too large is refused for good, alone"] = (bench) =>
      assertOneRefused(bench, bench.message({ valueBytes: oversizeBytes }), bench.topics[0]);
  if (harness.failNext !== undefined) {
    cases["after a failure that may pass, the later messages of the batch fail too, and all arrive in order when repeated"] = async (
      bench,
    ) => {
      const connection = await bench.open();
      const batch = bench.messages(5);
      await bench.harness.failNext?.(2);
      const outcomes = await bench.send(connection, batch);
      const failedAt = outcomes.findIndex((outcome) => outcome !== null);
      assert(failedAt !== -1 && failedAt <= 2, "the failure is answered at its message or before");
      assert(outcomes.slice(failedAt).every(mayPass), "every message from the failure on is one to repeat");
      await bench.dispose(connection);
      await bench.deliver(await bench.open(), batch.slice(failedAt));
      await bench.assertArrived(batch, bench.doublesAfterDoubt);
    };
  }
  return cases;
}

async function assertOneRefused(bench: ContractBench, bad: OutgoingMessage, topic: string): Promise<void> {
  const before = bench.messages(2, () => ({ topic }));
  const after = bench.messages(2, () => ({ topic }));
  const connection = await bench.open();
  const outcomes = await bench.send(connection, [...before, bad, ...after]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome === null ? "delivered" : isRefusal(outcome) ? "refused" : outcome.code)),
    ["delivered", "delivered", "refused", "delivered", "delivered"],
  );
  // It has gone on, and what it refused comes no more, over this connection or another.
  const later = bench.messages(4, () => ({ topic }));
  await bench.deliver(connection, later.slice(0, 2));
  await bench.dispose(connection);
  await bench.deliver(await bench.open(), later.slice(2));
  await bench.assertArrived([...before, ...after, ...later]);
}

export function abortCases(): Record<string, Body> {
  return {
    "a send that is aborted before it begins is answered, and can be repeated": (bench) =>
      assertAborted(bench, (controller) => controller.abort()),
    "a send that is aborted in its midst is answered, and can be repeated": (bench) =>
      assertAborted(bench, (controller) => setImmediate(() => controller.abort())),
  };
}

async function assertAborted(bench: ContractBench, abort: (controller: AbortController) => void): Promise<void> {
  const connection = await bench.open();
  // The lane is known and was asked for, so that the abort meets the send itself.
  const before = bench.messages(1);
  await bench.deliver(connection, before);
  const batch = bench.messages(200);
  const controller = new AbortController();
  abort(controller);
  const outcomes = await bench.send(connection, batch, controller.signal);
  const failedAt = outcomes.findIndex((outcome) => outcome !== null);
  if (failedAt !== -1) assert(outcomes.slice(failedAt).every(mayPass), "what is not surely sent is one to repeat");
  await bench.dispose(connection);
  const received = new Set(await bench.receivedValues());
  for (const [index, message] of batch.entries()) {
    if (outcomes[index] === null) assert(received.has(message.value.toString()), "what is answered as delivered has arrived");
  }
  if (failedAt !== -1) await bench.deliver(await bench.open(), batch.slice(failedAt));
  await bench.assertArrived([...before, ...batch], bench.doublesAfterDoubt);
}
