/** A thread that hands something over at a steady pace, as the edge does, whatever the engine's thread is busy with. */
import { parentPort, workerData } from "node:worker_threads";
import { monotonicMs } from "./monotonic.ts";

const { perSecond } = workerData as { readonly perSecond: number };
const asleep = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
const startedMs = monotonicMs();
for (let count = 1; ; count++) {
  const dueMs = startedMs + (count * 1000) / perSecond;
  const waitMs = dueMs - monotonicMs();
  if (waitMs > 0) Atomics.wait(asleep, 0, 0, waitMs);
  parentPort?.postMessage(monotonicMs());
}
