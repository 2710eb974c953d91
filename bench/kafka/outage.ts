/**
 * A long outage: the gateway's traffic with a dead broker and six hours of messages waiting, beside that with a live broker
 * and none, in turn; then the broker comes, and what waited arrives in order.
 */
import { join } from "node:path";
import { KafkaCluster } from "../../tools/kafka/cluster.ts";
import { freeBasePort } from "../../tools/kafka/free-ports.ts";
import { PORTS_PER_NODE } from "../../tools/kafka/properties.ts";
import { createTopic } from "../../tools/kafka/topics.ts";
import { destinationDriver } from "../../src/driver/registry.ts";
import { registerBuiltInDrivers } from "../../src/drivers.ts";
import { runModule } from "../children.ts";
import { BODY_BYTES, CONNECTIONS, need, PORTS } from "../contest.ts";
import { markdownTable, median, whole } from "../figures.ts";
import { startGateway, type Gateway } from "../gateway.ts";
import { startUpstream } from "../nginx.ts";
import { settleDisk, withFolder } from "../scratch.ts";
import { load } from "../wrk.ts";
import type { FillGiven, FillTold } from "./fill-spool.ts";
import { PARTITIONS, withTopic, type Site } from "./site.ts";

const OUTAGE_SECONDS = 6 * 3600;
const GIB = 1024 ** 3;
const BYTES_PER_MESSAGE = 1_400;
const LIVE_PORT = PORTS.gateway + 10;
const TOPIC = "outage";
const CATCH_UP_MS_MAX = 15 * 60_000;
const LOOK_EACH_MS = 1_000;

interface Loads {
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  readonly perSecond: number[];
}

export async function outage(site: Site): Promise<string> {
  need("nginx", "wrk");
  const basePort = await freeBasePort(PORTS_PER_NODE);
  const upstream = await startUpstream(join(site.folder, "upstream"), PORTS.upstream, BODY_BYTES);
  try {
    return await withTopic(site, TOPIC, () => withFolder(site, TOPIC, (folder) => outageIn(site, folder, basePort, upstream.url)));
  } finally {
    await upstream.stop();
  }
}

async function outageIn(site: Site, folder: string, basePort: number, upstreamUrl: string): Promise<string> {
  const { outageMessages } = site.extent;
  const bytesMax = Math.max(GIB, outageMessages * BYTES_PER_MESSAGE * 2);
  const away = join(folder, "away");
  const filling: FillGiven = {
    dataFolder: join(away, "data"),
    bytesMax,
    payloadFile: site.payloadFile,
    topics: [TOPIC],
    acceptedOverSeconds: OUTAGE_SECONDS,
    until: { messages: outageMessages },
  };
  await runModule<FillTold>(join(import.meta.dirname, "fill-spool.ts"), filling);
  settleDisk(site);
  const common = { upstreamUrl, capture: "durable", topic: TOPIC } as const;
  const destination = (brokers: readonly string[]) => ({ type: "kafka", brokers, compression: "none", spool: { bytesMax } });
  const dead = await startGateway({ ...common, folder: away, port: PORTS.gateway, destination: destination([`127.0.0.1:${basePort}`]) });
  const live = await startGateway({
    ...common,
    folder: join(folder, "live"),
    port: LIVE_PORT,
    destination: destination(site.cluster.bootstrap),
  });
  try {
    const { destinations } = await dead.status();
    const waiting = `${whole(outageMessages)} messages, ${((destinations[0]?.spoolBytes ?? 0) / GIB).toFixed(2)} GiB, the oldest six hours old`;
    const results = await inTurn(site, { "dead broker": dead, "live broker": live });
    const caughtUp = await catchUp(site, dead, basePort);
    return `${table(results)}\nWaiting meanwhile: ${waiting}. ${caughtUp}\n`;
  } finally {
    await dead.end();
    await live.end();
  }
}

async function inTurn(site: Site, gateways: Readonly<Record<string, Gateway>>): Promise<ReadonlyMap<string, Loads>> {
  const { passes, loadSeconds } = site.extent;
  const results = new Map<string, Loads>(Object.keys(gateways).map((name) => [name, { p50Ms: [], p99Ms: [], perSecond: [] }]));
  // The first requests of a process cost it more than the later ones.
  for (const gateway of Object.values(gateways)) await load(gateway.url, loadSeconds, CONNECTIONS);
  for (let pass = 1; pass <= passes; pass++) {
    const order = Object.entries(gateways);
    for (const [name, gateway] of pass % 2 === 0 ? order.toReversed() : order) {
      settleDisk(site);
      const found = await load(gateway.url, loadSeconds, CONNECTIONS);
      if (found.errors > 0) throw new Error(`${name}: ${found.errors} requests failed`);
      const all = results.get(name);
      all?.p50Ms.push(found.medianMs);
      all?.p99Ms.push(found.percentile99Ms);
      all?.perSecond.push(found.requestsPerSecond);
      site.tell(`${name}, pass ${pass} of ${passes}: ${whole(found.requestsPerSecond)}/s, p99 ${found.percentile99Ms.toFixed(1)} ms`);
      // What the live one still sends must not be in the way of the next.
      await gateways["live broker"]?.drained();
    }
  }
  return results;
}

/** The broker comes; settles once all has arrived, and tells whether it is whole and in order. */
async function catchUp(site: Site, gateway: Gateway, basePort: number): Promise<string> {
  await using cluster = await KafkaCluster.start({ basePort });
  await createTopic(cluster, TOPIC, { partitions: PARTITIONS });
  const { totals } = await gateway.status();
  const startedMs = performance.now();
  const untilMs = startedMs + CATCH_UP_MS_MAX;
  for (let pending = totals.pending; pending > 0; pending = (await gateway.status()).totals.pending) {
    if (performance.now() > untilMs) throw new Error(`${pending} messages still wait`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EACH_MS));
  }
  const seconds = (performance.now() - startedMs) / 1000;
  site.tell(`caught up in ${seconds.toFixed(0)} s`);
  const { read, outOfOrder, doubled } = await judge(cluster.bootstrap);
  const missing = totals.accepted - (read - doubled);
  return `Caught up in ${seconds.toFixed(0)} s, ${whole(totals.accepted / seconds)}/s: ${whole(read)} messages in the topic, ${missing} missing, ${doubled} doubled, ${outOfOrder} out of order of their key.`;
}

/** Events of the filling have a number as the end of their id; those of the gateway one in the text. */
async function judge(brokers: readonly string[]): Promise<{ read: number; outOfOrder: number; doubled: number }> {
  registerBuiltInDrivers();
  const driver = destinationDriver("kafka");
  if (driver?.read === undefined) throw new Error("there is no reading driver");
  const last = new Map<string, number>();
  const told = { read: 0, outOfOrder: 0, doubled: 0 };
  const options = driver.options.parse({ brokers });
  for await (const { messages } of driver.read(options, TOPIC, { name: "judge", signal: new AbortController().signal })) {
    for (const { key, value, headers } of messages) {
      const index = headers.find(([name]) => name === "index")?.[1];
      const number = index === undefined ? Number((JSON.parse(String(value)) as { readonly sequence: string }).sequence) : Number(index);
      const series = `${index === undefined ? "gateway" : "filled"} ${key}`;
      const before = last.get(series) ?? -1;
      told.read += 1;
      if (number === before) told.doubled += 1;
      else if (number < before) told.outOfOrder += 1;
      last.set(series, Math.max(before, number));
    }
  }
  return told;
}

function table(results: ReadonlyMap<string, Loads>): string {
  const live = results.get("live broker");
  const rows = [...results].map(([name, all]) => {
    const ratio = median(all.p99Ms.map((p99, pass) => p99 / (live?.p99Ms[pass] ?? NaN)));
    return [name, whole(median(all.perSecond)), median(all.p50Ms).toFixed(2), median(all.p99Ms).toFixed(2), ratio.toFixed(2)];
  });
  return markdownTable([["", "requests/s", "p50 ms", "p99 ms", "p99, ratio"], ...rows]);
}
