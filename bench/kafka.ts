/**
 * Sending to Kafka, with a broker of its own: from a filled spool beside the Java producer, the whole way from the
 * gateway, the time a message takes, and the memory that a backlog takes.
 *
 * `npm run bench -- kafka [PASSES] [--short] [--only spool,way,paced,memory,promises,restart,outage,profile] [--folder FOLDER]`
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { KafkaCluster } from "../tools/kafka/cluster.ts";
import { Guard } from "../tools/kafka/guard.ts";
import { chosenParts, machineLoad, printPart } from "./parts.ts";
import { makeScratch } from "./scratch.ts";
import { fromSpool } from "./kafka/from-spool.ts";
import { memory } from "./kafka/memory.ts";
import { paced } from "./kafka/paced.ts";
import { writePayload } from "./kafka/payload.ts";
import { outage } from "./kafka/outage.ts";
import { profile } from "./kafka/profile.ts";
import { promises } from "./kafka/promises.ts";
import { restart } from "./kafka/restart.ts";
import { FULL, SHORT, type Extent, type Site } from "./kafka/site.ts";
import { wholeWay } from "./kafka/way.ts";

const PARTS = {
  spool: ["From a filled spool", fromSpool],
  way: ["The whole way", wholeWay],
  paced: ["1,000 messages/s", paced],
  memory: ["Memory", memory],
  promises: ["Exactly-once beside at-least-once", promises],
  restart: ["Killed with a backlog", restart],
  outage: ["Six hours without a broker", outage],
  profile: ["Profile of sending from a filled spool", profile],
} as const;
type PartName = keyof typeof PARTS;
/** A profile slows what it looks at, and is for people who work on it; the outage takes as long as all the others. */
const USUAL: readonly PartName[] = ["spool", "way", "paced", "memory", "promises", "restart"];
/** A deleted topic leaves the disk after a minute by default. */
const BROKER = { "log.segment.delete.delay.ms": "1000" };

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { short: { type: "boolean", default: false }, only: { type: "string" }, folder: { type: "string", default: tmpdir() } },
  });
  const usual = values.short ? SHORT : FULL;
  const extent: Extent = { ...usual, passes: Number(positionals[0] ?? usual.passes) };
  const parts = chosenParts(PARTS, USUAL, values.only);
  const folder = makeScratch(values.folder, extent.diskBytes);
  const guard = new Guard(folder, "remove");
  try {
    await using cluster = await KafkaCluster.start({ folder: join(folder, "kafka"), properties: BROKER });
    const payloadFile = join(folder, "payload");
    writePayload(payloadFile);
    const site: Site = { extent, cluster, folder, payloadFile, tell: (text) => void process.stderr.write(`${text}\n`) };
    for (const part of parts) {
      const [title, measurePart] = PARTS[part];
      printPart(title, await measurePart(site), machineLoad());
    }
  } finally {
    await guard.end();
  }
}
