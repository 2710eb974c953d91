/**
 * Sending to Kafka, with a broker of its own: from a filled spool beside the Java producer, the whole way from the
 * gateway, the time a message takes, and the memory that a backlog takes.
 *
 * `npm run bench -- kafka [PASSES] [--short] [--only spool,way,paced,memory,profile] [--folder FOLDER]`
 */
import { mkdtempSync, statfsSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { KafkaCluster } from "../tools/kafka/cluster.ts";
import { Guard } from "../tools/kafka/guard.ts";
import { fromSpool } from "./kafka/from-spool.ts";
import { memory } from "./kafka/memory.ts";
import { paced } from "./kafka/paced.ts";
import { writePayload } from "./kafka/payload.ts";
import { profile } from "./kafka/profile.ts";
import { FULL, SHORT, type Extent, type Site } from "./kafka/site.ts";
import { wholeWay } from "./kafka/way.ts";

const PARTS = {
  spool: ["From a filled spool", fromSpool],
  way: ["The whole way", wholeWay],
  paced: ["1,000 messages/s", paced],
  memory: ["Memory", memory],
  profile: ["Profile of sending from a filled spool", profile],
} as const;
type PartName = keyof typeof PARTS;
/** A profile slows what it looks at, and is for people who work on it. */
const USUAL: readonly PartName[] = ["spool", "way", "paced", "memory"];
/** A deleted topic leaves the disk after a minute by default. */
const BROKER = { "log.segment.delete.delay.ms": "1000" };
const MIB = 1024 * 1024;

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { short: { type: "boolean", default: false }, only: { type: "string" }, folder: { type: "string", default: tmpdir() } },
  });
  const usual = values.short ? SHORT : FULL;
  const extent: Extent = { ...usual, passes: Number(positionals[0] ?? usual.passes) };
  const parts = values.only === undefined ? USUAL : (values.only.split(",") as PartName[]);
  for (const part of parts) {
    if (!Object.hasOwn(PARTS, part)) throw new Error(`--only ${part}: expected some of ${Object.keys(PARTS).join(", ")}`);
  }
  const parent = resolve(values.folder);
  const { bavail, bsize } = statfsSync(parent);
  if (bavail * bsize < extent.diskBytes) throw new Error(`${parent} has less than ${extent.diskBytes / MIB} MiB free`);
  const folder = mkdtempSync(join(parent, "sidestream-bench-"));
  const guard = new Guard(folder, "remove");
  try {
    await using cluster = await KafkaCluster.start({ folder: join(folder, "kafka"), properties: BROKER });
    const payloadFile = join(folder, "payload");
    writePayload(payloadFile);
    const site: Site = { extent, cluster, folder, payloadFile, tell: (text) => void process.stderr.write(`${text}\n`) };
    for (const part of parts) {
      const [title, measurePart] = PARTS[part];
      const text = await measurePart(site);
      const load = loadavg().map((value) => value.toFixed(1));
      process.stdout.write(`\n### ${title}\n\n${text}\nload of the machine over the last 1, 5, 15 minutes: ${load.join(", ")}\n`);
    }
  } finally {
    await guard.end();
  }
}
