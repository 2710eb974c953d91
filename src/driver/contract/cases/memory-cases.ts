/** A driver holds no more than what it was given to send: its memory is measured while nothing can be sent. */
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isNumbered, type DestinationConnection, type OutgoingMessage } from "../../destination.ts";
import { assertMayPass, isLoss, type Body, type ContractBench } from "../bench.ts";
import type { DestinationHarness } from "../harness.ts";

/** In flight at a time: 16 MiB in batches of 1 MiB, the flow's largest, one per key. */
const KEY_COUNT = 16;
const BATCH_COUNT = 32;
const VALUE_BYTES = 32 * 1024;
const IN_FLIGHT_BYTES = KEY_COUNT * BATCH_COUNT * VALUE_BYTES;
/** Attempts of the flow while the destination is away: were one batch of each kept, they would hold 24 MiB. */
const ATTEMPT_COUNT = 24;
/** Long enough for a send to be on its way, far shorter than the flow waits. */
const ATTEMPT_MS = 150;
/** A driver may hold what is in flight this many times over: encoded, framed, encrypted. */
const COPY_COUNT_MAX = 3;
/** More than what a connection, its metadata and the noise of a heap take. */
const FIXED_BYTES = 8 * 1024 * 1024;

export function memoryCases(harness: DestinationHarness): Record<string, Body> {
  const canStop = harness.stop !== undefined && harness.start !== undefined;
  const canPause = harness.pause !== undefined && harness.resume !== undefined;
  const cases: Record<string, Body> = {};
  if (canStop)
    cases["while the destination is stopped, memory stays within a bound however often is tried"] = async (bench) => {
      await assertBounded(
        bench,
        () => bench.stop(),
        () => bench.start(),
      );
    };
  if (canPause)
    cases["while the destination stands still, memory stays within a bound however often is tried"] = async (bench) => {
      await assertBounded(
        bench,
        () => bench.pause(),
        () => bench.resume(),
      );
    };
  return cases;
}

async function assertBounded(bench: ContractBench, fail: () => Promise<void>, mend: () => Promise<void>): Promise<void> {
  const collect = collector();
  let connection: DestinationConnection | null = await bench.open();
  const first = bench.messages(KEY_COUNT, (index) => ({ key: `key${index}` }));
  await bench.deliver(connection, first);
  const batches = first.map(({ key }) => bench.messages(BATCH_COUNT, () => ({ key, valueBytes: VALUE_BYTES })));
  await fail();
  const before = collect();
  let peak = before;
  for (let count = 0; count < ATTEMPT_COUNT; count += 1) {
    const signal = AbortSignal.timeout(ATTEMPT_MS);
    // Heard before the driver, which then lets go of what it holds.
    signal.addEventListener("abort", () => (peak = Math.max(peak, collect())), { once: true });
    connection = await attempt(bench, connection, batches, signal);
  }
  if (connection !== null) await bench.dispose(connection);
  const after = collect();
  await mend();
  for (const batch of batches) await bench.deliverAtLast(batch);
  await bench.assertArrived([...first, ...batches.flat()], bench.doublesAfterDoubt);
  assert(
    peak - before <= COPY_COUNT_MAX * IN_FLIGHT_BYTES + FIXED_BYTES,
    `${peak - before} bytes were held for ${IN_FLIGHT_BYTES} bytes in flight`,
  );
  assert(after - before <= FIXED_BYTES, `${after - before} bytes were kept after the connection's end`);
}

/** @returns The connection as long as it may be used. */
async function attempt(
  bench: ContractBench,
  opened: DestinationConnection | null,
  batches: readonly (readonly OutgoingMessage[])[],
  signal: AbortSignal,
): Promise<DestinationConnection | null> {
  let connection = opened;
  try {
    connection ??= await bench.open(signal);
    const used = connection;
    // A numbered connection says itself what its lanes are; to a plain one as many are sent as it may have.
    const sends = isNumbered(used) ? [batches.flat()] : batches.slice(0, bench.driver.promises.lanes);
    const outcomes = (await Promise.all(sends.map((batch) => bench.send(used, batch, signal)))).flat();
    for (const outcome of outcomes) assertMayPass(outcome);
    if (!outcomes.some(isLoss)) return connection;
  } catch (error) {
    assertMayPass(error);
  }
  if (connection !== null) await bench.dispose(connection);
  return null;
}

/** Frees what can be freed and tells how many bytes are held, in the heap and outside it. */
function collector(): () => number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  return () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
}
