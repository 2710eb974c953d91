/** A process that fills a log up to so many bytes and ends: what it leaves in memory must not be measured with the rest. */
import { givenToModule } from "../children.ts";
import { MessagePool, openSpool } from "./messages.ts";

export interface FillGiven {
  readonly dataFolder: string;
  readonly bytesMax: number;
  readonly payloadFile: string;
  readonly tenants: readonly string[];
  /** Bytes of disk that the log has then. */
  readonly bytes: number;
}

export interface FillTold {
  readonly appended: number;
}

/** Messages between two commits: enough that filling is quick. */
const COMMIT = 4096;

const { dataFolder, bytesMax, payloadFile, tenants, bytes } = givenToModule() as FillGiven;
const pools = tenants.map((tenant) => new MessagePool(payloadFile, tenant));
const { spool, log } = await openSpool(dataFolder, { bytesMax });
let appended = 0;
while (log.status().usedBytes < bytes) {
  for (let count = 0; count < COMMIT; count++, appended++) log.append((pools[appended % pools.length] as MessagePool).at(appended), true);
  await log.flush();
}
await spool.close();
process.stdout.write(JSON.stringify({ appended } satisfies FillTold));
