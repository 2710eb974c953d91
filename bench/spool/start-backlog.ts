/** A process that starts on a large log and sends it: how soon, and how much memory it takes. */
import { setTimeout as pause } from "node:timers/promises";
import { givenToModule } from "../children.ts";
import { dispatchInstantly } from "./instant.ts";
import { openSpool } from "./messages.ts";

export interface StartGiven {
  readonly dataFolder: string;
  readonly bytesMax: number;
  /** How long it sends, after the first message. */
  readonly seconds: number;
}

export interface StartTold {
  readonly usedBytes: number;
  /** From the start of the process until the first message was handed to a send. */
  readonly firstSendMs: number;
  /** The part of it from before the log was opened on. */
  readonly fromOpenMs: number;
  readonly residentAtFirstSendBytes: number;
  /** Of the whole run, by the kernel. */
  readonly residentMostBytes: number;
  readonly sentPerSecond: number;
}

const KIB = 1024;

const { dataFolder, bytesMax, seconds } = givenToModule() as StartGiven;
const openMs = performance.now();
const opened = await openSpool(dataFolder, { bytesMax });
const { usedBytes } = opened.log.status();
const first = Promise.withResolvers<readonly [firstSendMs: number, residentBytes: number]>();
let sent = 0;
const dispatcher = dispatchInstantly(opened, (messages) => {
  if (sent === 0) first.resolve([performance.now(), process.memoryUsage.rss()]);
  sent += messages;
});
const [firstSendMs, residentAtFirstSendBytes] = await first.promise;
await pause(seconds * 1000);
const sentPerSecond = sent / ((performance.now() - firstSendMs) / 1000);
await dispatcher.stop(0);
await opened.spool.close();
const told: StartTold = {
  usedBytes,
  firstSendMs,
  fromOpenMs: firstSendMs - openMs,
  residentAtFirstSendBytes,
  residentMostBytes: process.resourceUsage().maxRSS * KIB,
  sentPerSecond,
};
process.stdout.write(JSON.stringify(told));
