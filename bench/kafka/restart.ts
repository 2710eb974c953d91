/**
 * How long after its start a program that was killed sends something new, with a backlog: from the call that starts the
 * process until the broker has a message more than after the kill.
 */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Admin, ListOffsetTimestamps } from "@platformatic/kafka";
import { waitUntil } from "../../tools/kafka/wait-until.ts";
import { runModule } from "../children.ts";
import { PORTS } from "../contest.ts";
import { median } from "../figures.ts";
import { startGateway, type GatewaySettings } from "../gateway.ts";
import { settleDisk, withFolder } from "../scratch.ts";
import type { FillGiven, FillTold } from "./fill-spool.ts";
import { PARTITIONS, withTopic, type Site } from "./site.ts";

const MIB = 1024 * 1024;
/** Slow enough that the backlog stays what it is over all passes. */
const MAX_RATE = 5_000;
const SENDING_MS_MAX = 60_000;
/** A request that was on its way when the program was killed has arrived by then. */
const QUIET_MS = 1_000;
const LOOK_EACH_MS = 10;

export async function restart(site: Site): Promise<string> {
  const { passes, restartBytes } = site.extent;
  const topic = "restarted";
  const times = await withTopic(site, topic, () =>
    withFolder(site, topic, async (folder) => {
      const filling: FillGiven = {
        dataFolder: join(folder, "data"),
        bytesMax: restartBytes * 4,
        payloadFile: site.payloadFile,
        topics: [topic],
        exactlyOnce: true,
        until: { bytes: restartBytes },
      };
      await runModule<FillTold>(join(import.meta.dirname, "fill-spool.ts"), filling);
      const spool = { bytesMax: restartBytes * 4 };
      const destination = { type: "kafka", brokers: site.cluster.bootstrap, compression: "none", maxRate: MAX_RATE, spool };
      const upstreamUrl = `http://127.0.0.1:${PORTS.upstream}`;
      const settings: GatewaySettings = { folder, port: PORTS.gateway, upstreamUrl, capture: "durable", destination, topic };
      await using end = await openEnd(site, topic);
      const found: number[] = [];
      for (let pass = 0; pass <= passes; pass++) {
        settleDisk(site);
        const before = await end.messages();
        const startedMs = performance.now();
        const gateway = await startGateway(settings);
        while ((await end.messages()) === before) await pause(LOOK_EACH_MS);
        const tookMs = performance.now() - startedMs;
        // The first start finds nothing in doubt.
        if (pass > 0) found.push(tookMs);
        site.tell(`start ${pass} of ${passes}: the first new message after ${tookMs.toFixed(0)} ms`);
        await waitUntil(async () => (await gateway.status()).totals.delivered > 0, SENDING_MS_MAX, "the program to send");
        process.kill(gateway.pid, "SIGKILL");
        await pause(QUIET_MS);
      }
      return found;
    }),
  );
  const most = Math.max(...times);
  return `${(restartBytes / MIB).toFixed(0)} MiB pending, SIGKILL while it sends: the first new message ${(median(times) / 1000).toFixed(2)} s after the start (median of ${times.length}; at most ${(most / 1000).toFixed(2)} s)\n`;
}

/** Where the topic ends, over one connection. */
async function openEnd(site: Site, topic: string): Promise<AsyncDisposable & { messages(): Promise<number> }> {
  const admin = new Admin({ clientId: "bench", bootstrapBrokers: [...site.cluster.bootstrap] });
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: ListOffsetTimestamps.LATEST,
  }));
  return {
    messages: async () => {
      const topics = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
      return topics.flatMap((each) => each.partitions).reduce((sum, { offset }) => sum + Number(offset), 0);
    },
    [Symbol.asyncDispose]: () => admin.close(),
  };
}
