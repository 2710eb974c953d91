/** A journal that an agent wrote, drained into the spool and from there into Kafka, at once. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { KafkaCluster } from "../../tools/kafka/cluster.ts";
import { median, whole } from "../figures.ts";
import { startProgram } from "../program.ts";
import { settleDisk, withFolder } from "../scratch.ts";
import { probe, startJournaling, type Site } from "./site.ts";

const LOOK_EACH_MS = 20;
const AGENT = "drained";
/** In one call of the agent. */
const EVENTS_A_CALL = 10_000;

export async function drain(site: Site): Promise<string> {
  const { passes, drained: events } = site.extent;
  await using cluster = await KafkaCluster.start({ folder: join(site.folder, "kafka") });
  const spooled: number[] = [];
  const delivered: number[] = [];
  for (let pass = 1; pass <= passes; pass += 1) {
    await withFolder(site, `drain-${pass}`, async (folder) => {
      mkdirSync(folder);
      await write(folder, events);
      settleDisk(site);
      const startMs = performance.now();
      const program = await startProgram(configure(folder, cluster.bootstrap), join(folder, "data"));
      const runsMs = performance.now();
      while (ackedIn(folder) < events) await pause(LOOK_EACH_MS);
      spooled.push((events * 1000) / (performance.now() - runsMs));
      const { totals } = await program.drained();
      delivered.push((events * 1000) / (performance.now() - runsMs));
      if (totals.delivered !== events) throw new Error(`${totals.delivered} of ${events} events were delivered`);
      await program.end();
      site.tell(
        `pass ${pass} of ${passes}: ${whole(spooled.at(-1) ?? 0)}/s spooled, ${whole(delivered.at(-1) ?? 0)}/s delivered; the start took ${(runsMs - startMs).toFixed(0)} ms`,
      );
    });
  }
  return `${whole(events)} events of 600 B, one message each: ${whole(median(spooled))}/s from the journal into the spool, synced, while they are sent; ${whole(median(delivered))}/s until Kafka has acknowledged all (medians of ${passes}).\n`;
}

/** Has an agent with the plugin write so many events, with nobody to drain them. */
async function write(folder: string, events: number): Promise<void> {
  await using agent = await startJournaling(AGENT, join(folder, "journals"), { bytesMax: "4GiB" });
  for (let left = events; left > 0; left -= EVENTS_A_CALL) await probe(agent, Math.min(left, EVENTS_A_CALL));
}

function configure(folder: string, brokers: readonly string[]): string {
  const file = join(folder, "sidestream.yaml");
  writeFileSync(
    file,
    `version: 1
enabled: true
instance: bench
data: ./data
sources: { agents: { type: acapy-journal, journals: ./journals, tenant: base } }
destinations: { kafka1: { type: kafka, brokers: ${JSON.stringify(brokers)}, createTopics: { partitions: 6 } } }
streams: [ "sidestream:acapy-events" ]
health: false
`,
  );
  return file;
}

/** How far the journal is acknowledged; the agent's own events at its start and end count, too. */
function ackedIn(folder: string): number {
  const file = join(folder, "journals", AGENT, "ack");
  if (!existsSync(file)) return 0;
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { readonly sequence: number }).sequence;
  } catch {
    return 0;
  }
}
