/** A process that does nothing but write 256 KiB and wait for fdatasync, over and over: what the disk allows. */
import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { givenToModule } from "../children.ts";
import { readPayload } from "../kafka/payload.ts";

export interface LoopGiven {
  readonly file: string;
  readonly payloadFile: string;
  readonly seconds: number;
  /** Over a file whose bytes are all written already, from its start again at its end; or at the end of one that grows. */
  readonly allocated: boolean;
}

export interface LoopTold {
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const WRITE_BYTES = 256 * 1024;
const FILE_BYTES = 512 * 1024 * 1024;
const WARM_UP_MS = 500;

const { file, payloadFile, seconds, allocated } = givenToModule() as LoopGiven;
const bytes = Buffer.concat(readPayload(payloadFile)).subarray(0, WRITE_BYTES);
const descriptor = openSync(file, "wx");
if (allocated) {
  for (let at = 0; at < FILE_BYTES; at += WRITE_BYTES) writeSync(descriptor, bytes, 0, WRITE_BYTES, at);
  fsyncSync(descriptor);
}
let writes = 0;
const step = (): void => {
  const at = writes++ * WRITE_BYTES;
  writeSync(descriptor, bytes, 0, WRITE_BYTES, allocated ? at % FILE_BYTES : at);
  fdatasyncSync(descriptor);
};
for (const endsMs = performance.now() + WARM_UP_MS; performance.now() < endsMs;) step();
const times: number[] = [];
const startedMs = performance.now();
while (performance.now() - startedMs < seconds * 1000) {
  const stepMs = performance.now();
  step();
  times.push(performance.now() - stepMs);
}
const elapsed = (performance.now() - startedMs) / 1000;
closeSync(descriptor);
times.sort((left, right) => left - right);
const share = (of: number): number => times[Math.floor(times.length * of)] ?? NaN;
const told: LoopTold = { bytesPerSecond: (times.length * WRITE_BYTES) / elapsed, p50Ms: share(0.5), p99Ms: share(0.99) };
process.stdout.write(JSON.stringify(told));
