/** A process that appends messages at a steady pace, sends them, and tells how long each took. */
import { setTimeout as pause } from "node:timers/promises";
import { givenToModule } from "../children.ts";
import { quantile } from "../figures.ts";
import { dispatch } from "./dispatching.ts";
import { message, openSpool } from "./messages.ts";
import { readPayload } from "./payload.ts";

export interface PaceGiven {
  readonly dataFolder: string;
  readonly bytesMax: number;
  readonly payloadFile: string;
  readonly brokers: readonly string[];
  readonly inFlightMax: number;
  readonly topic: string;
  readonly perSecond: number;
  readonly seconds: number;
  readonly exactlyOnce?: boolean;
}

export interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface PaceTold {
  /** From before the append, each. */
  readonly onDisk: Times;
  readonly acknowledged: Times;
  readonly confirmed: Times;
}

/** Before it counts: code is compiled, connections are made. */
const WARM_UP_SECONDS = 3;
const LOOK_EACH_MS = 1;

const { dataFolder, bytesMax, payloadFile, topic, perSecond, seconds, exactlyOnce = false, ...settings } = givenToModule() as PaceGiven;
const payload = readPayload(payloadFile);
const { spool, log } = await openSpool(dataFolder, bytesMax);
const warmUpMessages = WARM_UP_SECONDS * perSecond;
const messages = warmUpMessages + seconds * perSecond;
/** By the number in the log; control records have numbers too. */
const appendedMs = new Map<number, number>();
const onDisk: number[] = [];
const acknowledged: number[] = [];
const confirmed: number[] = [];
const since = (times: number[], sequence: number): void => {
  const startedMs = appendedMs.get(sequence);
  if (startedMs !== undefined) times.push(performance.now() - startedMs);
};
const { dispatcher, done } = dispatch(log, {
  ...settings,
  messages,
  acknowledged: (sequence) => since(acknowledged, sequence),
  confirmed: ({ logSequence }) => since(confirmed, logSequence),
});
dispatcher.start();
const startedMs = performance.now();
const flushes: Promise<void>[] = [];
for (let index = 0; index < messages;) {
  const due = Math.min(messages, Math.floor(((performance.now() - startedMs) / 1000) * perSecond));
  for (; index < due; index++) {
    const nowMs = performance.now();
    const sequence = log.append(message(index, topic, payload[index % payload.length] as Buffer, { exactlyOnce }), true);
    if (index >= warmUpMessages) appendedMs.set(sequence, nowMs);
    flushes.push(log.flush().then(() => since(onDisk, sequence)));
  }
  await pause(LOOK_EACH_MS);
}
await Promise.all(flushes);
await done;
await dispatcher.stop(0);
await spool.close();
const times = (all: readonly number[]): Times => ({ p50Ms: quantile(all, 0.5), p99Ms: quantile(all, 0.99) });
const told: PaceTold = { onDisk: times(onDisk), acknowledged: times(acknowledged), confirmed: times(confirmed) };
process.stdout.write(JSON.stringify(told));
