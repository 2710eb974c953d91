/** A process that does nothing but send what a spool holds: all of its CPU is the dispatcher's and the driver's. */
import { givenToModule } from "../children.ts";
import { threadTimes, type ThreadTimes } from "../thread-times.ts";
import { dispatch } from "./dispatching.ts";
import { openSpool } from "./messages.ts";

export interface SendGiven {
  readonly dataFolder: string;
  readonly bytesMax: number;
  readonly brokers: readonly string[];
  readonly inFlightMax: number;
  readonly messages: number;
}

export interface SendTold {
  /** From before connecting until the last confirmation was on disk. */
  readonly seconds: number;
  readonly sends: number;
  /** Microseconds of the whole process, by thread. */
  readonly threads: ThreadTimes;
  readonly memoryBytesMax: number;
}

const KIB = 1024;

const { dataFolder, bytesMax, ...settings } = givenToModule() as SendGiven;
const { spool, log } = await openSpool(dataFolder, bytesMax);
const startedMs = performance.now();
const { dispatcher, done } = dispatch(log, settings);
dispatcher.start();
await done;
const seconds = (performance.now() - startedMs) / 1000;
const { sent, retried, sends } = dispatcher.status();
if (sent !== settings.messages || retried > 0) throw new Error(`${sent} of ${settings.messages} messages were sent, ${retried} again`);
await dispatcher.stop(0);
await spool.close();
const memoryBytesMax = process.resourceUsage().maxRSS * KIB;
process.stdout.write(JSON.stringify({ seconds, sends, threads: threadTimes(process.pid), memoryBytesMax } satisfies SendTold));
