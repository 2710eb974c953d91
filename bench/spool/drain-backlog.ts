/** A process that appends at a steady pace to a large log, which it sends at full speed for a while, then not, in turns. */
import { setTimeout as pause } from "node:timers/promises";
import { givenToModule } from "../children.ts";
import { dispatchInstantly } from "./instant.ts";
import { MessagePool, openSpool } from "./messages.ts";
import { Pace, Samples, type PaceTimes } from "./pace.ts";

export interface DrainGiven {
  readonly dataFolder: string;
  readonly bytesMax: number;
  readonly payloadFile: string;
  readonly perSecond: number;
  /** Of each kind, in all. */
  readonly seconds: number;
  readonly isSendingFirst: boolean;
}

export interface DrainTold {
  readonly idle: PaceTimes;
  readonly sending: PaceTimes;
  readonly sentPerSecond: number;
}

/** Short turns: what else the machine does hits both alike. */
const TURN_SECONDS = 2;
/** After the start and after each change, before it counts: code is compiled, what was under way is done. */
const WARM_UP_MS = 2000;
const SETTLE_MS = 250;

const { dataFolder, bytesMax, payloadFile, perSecond, seconds, isSendingFirst } = givenToModule() as DrainGiven;
const pool = new MessagePool(payloadFile);
const opened = await openSpool(dataFolder, { bytesMax });
const pace = new Pace(opened.log, perSecond, (index) => pool.at(index));
const [idle, sending] = [new Samples(), new Samples()];
let sent = 0;
let sentWhileCounted = 0;

async function turn(isSending: boolean, turnMs: number, samples: Samples): Promise<void> {
  pace.samples = new Samples();
  const dispatcher = isSending ? dispatchInstantly(opened, (messages) => (sent += messages)) : null;
  await pause(SETTLE_MS);
  pace.samples = samples;
  const before = sent;
  await pause(turnMs);
  sentWhileCounted += sent - before;
  pace.samples = new Samples();
  const left = opened.log.durableSequence - opened.log.confirmedSequence;
  if (left < perSecond * turnMs) throw new Error(`${left} messages are left of the backlog: the figures would mean nothing`);
  await dispatcher?.stop(0);
}

await turn(true, WARM_UP_MS, new Samples());
sentWhileCounted = 0;
const turns = Math.max(1, Math.round(seconds / TURN_SECONDS));
for (let count = 0; count < turns; count++) {
  for (const isSending of [isSendingFirst, !isSendingFirst]) await turn(isSending, (seconds / turns) * 1000, isSending ? sending : idle);
}
await pace.stop();
await opened.spool.close();
const told: DrainTold = { idle: idle.times(), sending: sending.times(), sentPerSecond: sentWhileCounted / seconds };
process.stdout.write(JSON.stringify(told));
