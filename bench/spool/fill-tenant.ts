/** A process in which several tenants append at a steady pace, and one more fills its share as fast as it can, or doesn't. */
import { setTimeout as pause } from "node:timers/promises";
import { isSidestreamError } from "../../src/errors.ts";
import { givenToModule } from "../children.ts";
import { MessagePool, openSpool } from "./messages.ts";
import { Pace, Samples, type PaceTimes } from "./pace.ts";

export interface TenantGiven {
  readonly dataFolder: string;
  readonly bytesMax: number;
  readonly share: number;
  readonly payloadFile: string;
  readonly tenants: readonly string[];
  readonly perSecond: number;
  readonly seconds: number;
  /** Of the tenant that fills its share; 0: there is none. */
  readonly appenders: number;
}

export interface TenantTold {
  /** Of the others: until the one was turned away for the first time, or for so many seconds where there is none. */
  readonly filling: PaceTimes;
  /** And after it, while it goes on trying; null where there is none. */
  readonly turnedAway: PaceTimes | null;
  readonly fillSeconds: number;
  readonly fillMessages: number;
  /** How often the one was turned away, by error code. */
  readonly refused: Readonly<Record<string, number>>;
}

const WARM_UP_MS = 2000;
const FILL_MS_MAX = 120_000;
/** Its sources try again after this. */
const RETRY_MS = 100;

const { dataFolder, bytesMax, share, payloadFile, tenants, perSecond, seconds, appenders } = givenToModule() as TenantGiven;
const { spool, log } = await openSpool(dataFolder, { bytesMax, tenantShare: share });
const pools = tenants.map((tenant) => new MessagePool(payloadFile, tenant));
const pace = new Pace(log, perSecond, (index) => (pools[index % pools.length] as MessagePool).at(index));
const greedy = new MessagePool(payloadFile, "greedy");
const refused: Record<string, number> = {};
const isFull = Promise.withResolvers<void>();
let fillMessages = 0;
let isOver = false;

async function appender(): Promise<void> {
  while (!isOver) {
    try {
      log.append(greedy.at(fillMessages++), true);
      await log.flush();
    } catch (error) {
      if (!isSidestreamError(error)) throw error;
      refused[error.code] = (refused[error.code] ?? 0) + 1;
      isFull.resolve();
      await pause(RETRY_MS);
    }
  }
}

await pause(WARM_UP_MS);
const filling = (pace.samples = new Samples());
const startedMs = performance.now();
const all = Promise.all(Array.from({ length: appenders }, appender));
if (appenders === 0) await pause(seconds * 1000);
else await Promise.race([isFull.promise, all, pause(FILL_MS_MAX, null, { ref: false })]);
const after = (pace.samples = new Samples());
const fillSeconds = (performance.now() - startedMs) / 1000;
const appended = fillMessages;
const isTurnedAway = Object.keys(refused).length > 0;
if (isTurnedAway) await pause(seconds * 1000);
isOver = true;
await all;
await pace.stop();
await spool.close();
const told: TenantTold = {
  filling: filling.times(),
  turnedAway: isTurnedAway ? after.times() : null,
  fillSeconds,
  fillMessages: appended,
  refused,
};
process.stdout.write(JSON.stringify(told), () => process.exit(0)); // The longest wait for the filling may still be under way.
