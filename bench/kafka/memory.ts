/** What the program holds in memory while a backlog waits: the broker is dead, or one topic of two isn't there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { waitUntil } from "../../tools/kafka/wait-until.ts";
import { runModule } from "../children.ts";
import { PORTS } from "../contest.ts";
import { markdownTable, median, whole } from "../figures.ts";
import { startGateway, type Gateway } from "../gateway.ts";
import type { FillGiven, FillTold } from "./fill-spool.ts";
import { settleDisk, withFolder } from "../scratch.ts";
import { withTopic, type Site } from "./site.ts";

const KIB = 1024;
const SAMPLE_EACH_MS = 250;
/** Ten seconds that look alike are taken as settled. */
const SAMPLES = 40;
const ALIKE_KIB = 4 * KIB;
const SETTLE_MS_MAX = 90_000;
const DELIVER_MS_MAX = 5 * 60_000;
/** Nothing listens there: the port is below those that are given to outgoing connections. */
const DEAD_BROKER = "127.0.0.1:9";
const HEALTHY = "healthy";
const MISSING = "missing";

interface Resident {
  /** Without what is mapped from files, Node itself above all. */
  readonly anonymousKib: number;
  readonly restKib: number;
  readonly mostKib: number;
}

export async function memory(site: Site): Promise<string> {
  const backlog = `${whole(site.extent.backlogBytes / KIB / KIB)} MiB`;
  const empty = await withFolder(site, "no-backlog", (folder) => resident(site, folder, [DEAD_BROKER], () => Promise.resolve(true)));
  site.tell(`no backlog: ${whole(empty.restKib / KIB)} MiB`);
  const dead = await withFolder(site, "dead-broker", async (folder) => {
    await fill(site, folder, [MISSING]);
    return resident(site, folder, [DEAD_BROKER], () => Promise.resolve(true));
  });
  site.tell(`dead broker: ${whole(dead.restKib / KIB)} MiB`);
  let delivered = "";
  const missing = await withTopic(site, HEALTHY, () =>
    withFolder(site, "missing-topic", async (folder) => {
      // One message of eight gets through.
      const { messagesByTopic } = await fill(site, folder, [HEALTHY, ...Array.from({ length: 7 }, () => MISSING)]);
      const healthy = messagesByTopic[HEALTHY] ?? 0;
      const isThrough = async (gateway: Gateway): Promise<boolean> => {
        const { totals } = await gateway.status();
        delivered = `${whole(totals.delivered)} of ${whole(healthy)} messages of the healthy topic were delivered meanwhile`;
        return totals.delivered >= healthy;
      };
      return resident(site, folder, site.cluster.bootstrap, isThrough);
    }),
  );
  site.tell(`missing topic: ${whole(missing.restKib / KIB)} MiB; ${delivered}`);
  const row = (name: string, all: Resident): string[] => [
    name,
    ...[all.restKib, all.anonymousKib, all.mostKib].map((kib) => whole(kib / KIB)),
  ];
  const rows = [
    row("dead broker, no backlog", empty),
    row(`dead broker, backlog of ${backlog}`, dead),
    row(`missing topic beside a healthy one, ${backlog}`, missing),
  ];
  return `${markdownTable([["", "MiB resident at rest", "of it anonymous", "at most"], ...rows])}\n${delivered}\n`;
}

async function fill(site: Site, folder: string, topics: readonly string[]): Promise<FillTold> {
  const { backlogBytes } = site.extent;
  const given: FillGiven = {
    dataFolder: join(folder, "data"),
    bytesMax: backlogBytes * 2,
    payloadFile: site.payloadFile,
    topics,
    until: { bytes: backlogBytes },
  };
  const told = await runModule<FillTold>(join(import.meta.dirname, "fill-spool.ts"), given);
  settleDisk(site);
  return told;
}

async function resident(
  site: Site,
  folder: string,
  brokers: readonly string[],
  isThrough: (gateway: Gateway) => Promise<boolean>,
): Promise<Resident> {
  const spool = { bytesMax: site.extent.backlogBytes * 2 };
  const destination = { type: "kafka", brokers, compression: "none", spool };
  const upstreamUrl = `http://127.0.0.1:${PORTS.upstream}`;
  const gateway = await startGateway({ folder, port: PORTS.gateway, upstreamUrl, capture: "durable", destination, topic: HEALTHY });
  try {
    // What doesn't get through in time is told with the figures.
    await waitUntil(() => isThrough(gateway), DELIVER_MS_MAX, "the healthy topic's messages").catch((problem: unknown) =>
      site.tell(String(problem)),
    );
    return await settledMemory(gateway.pid);
  } finally {
    await gateway.end();
  }
}

async function settledMemory(pid: number): Promise<Resident> {
  const samples: number[] = [];
  const endsAt = performance.now() + SETTLE_MS_MAX;
  const isSettled = (): boolean => samples.length >= SAMPLES && Math.max(...samples) - Math.min(...samples) <= ALIKE_KIB;
  while (!isSettled() && performance.now() < endsAt) {
    await pause(SAMPLE_EACH_MS);
    samples.push(statusKib(pid, "VmRSS"));
    if (samples.length > SAMPLES) samples.shift();
  }
  return { restKib: median(samples), anonymousKib: statusKib(pid, "RssAnon"), mostKib: statusKib(pid, "VmHWM") };
}

function statusKib(pid: number, name: string): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8")
    .split("\n")
    .find((line) => line.startsWith(`${name}:`));
  return Number.parseInt(line?.slice(name.length + 1) ?? "", 10);
}
