/** A process that appends to one store: so many appenders, each of which waits until its message is on disk. */
import { setTimeout as pause } from "node:timers/promises";
import { givenToModule } from "../children.ts";
import { MessagePool } from "./messages.ts";
import { STORES, type StoreName } from "./stores.ts";

export interface AppendGiven {
  readonly store: StoreName;
  /** It is given bytes that were made beforehand, instead of having each message encoded as the log does. */
  readonly isGivenBytes: boolean;
  readonly folder: string;
  readonly payloadFile: string;
  readonly appenders: number;
  readonly seconds: number;
}

export interface AppendTold {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU seconds per million messages, all threads of the process. */
  readonly cpuPerMillion: number;
  /** Bytes of the encoded messages that were appended each second; what a store adds to them is not counted. */
  readonly bytesPerSecond: number;
  /** Those of the warm-up and the end included. */
  readonly messages: number;
}

/** Before it counts: code is compiled, files and buffers have their size. */
const WARM_UP_MS = 1000;
/** More messages than any store takes in its time. */
const TIMES_MAX = 8 * 1024 * 1024;

const { store: name, isGivenBytes, folder, payloadFile, appenders, seconds } = givenToModule() as AppendGiven;
const pool = new MessagePool(payloadFile);
const encoded = pool.encoded();
const store = await STORES[name](folder, pool, isGivenBytes ? (index) => encoded[index % encoded.length] as Buffer : pool.encoder());
const times = new Float64Array(TIMES_MAX);
let count = 0;
let next = 0;
let isOver = false;

async function appender(): Promise<void> {
  while (!isOver) {
    const startedMs = performance.now();
    await store.append(next++);
    times[count++ & (TIMES_MAX - 1)] = performance.now() - startedMs;
  }
}

const all = Promise.all(Array.from({ length: appenders }, appender));
await Promise.race([pause(WARM_UP_MS), all]);
count = 0;
const startedMs = performance.now();
const startedCpu = process.cpuUsage();
await Promise.race([pause(seconds * 1000), all]);
const { user, system } = process.cpuUsage(startedCpu);
const elapsed = (performance.now() - startedMs) / 1000;
const messages = count;
isOver = true;
await all;
if (messages > TIMES_MAX) throw new Error("more messages than there is room for times");
const sorted = times.subarray(0, messages).sort();
const bytes = encoded.reduce((sum, { length }) => sum + length, 0) / encoded.length;
const told: AppendTold = {
  perSecond: messages / elapsed,
  p50Ms: sorted[Math.floor(messages * 0.5)] ?? NaN,
  p99Ms: sorted[Math.floor(messages * 0.99)] ?? NaN,
  cpuPerMillion: (user + system) / messages,
  bytesPerSecond: (messages * bytes) / elapsed,
  messages: next,
};
process.stdout.write(JSON.stringify(told), () => process.exit(0)); // A store that is left open would keep the process.
