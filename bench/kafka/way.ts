/** The whole way: wrk → gateway → nginx, every answered transaction on disk before and at Kafka after. */
import { join } from "node:path";
import { consumeTopic } from "../../tools/kafka/console-consumer.ts";
import { BODY_BYTES, CONNECTIONS, measure, need, PORTS, requestRows, type Contestant, type Result } from "../contest.ts";
import { markdownTable } from "../figures.ts";
import { startGateway, type GatewaySettings } from "../gateway.ts";
import { startProxy, startUpstream } from "../nginx.ts";
import { withFolder } from "../scratch.ts";
import { withTopic, type Site } from "./site.ts";

interface Judged {
  readonly answered: number;
  readonly lost: number;
  readonly doubled: number;
}

export async function wholeWay(site: Site): Promise<string> {
  const { passes, loadSeconds } = site.extent;
  need("nginx", "wrk");
  const upstream = await startUpstream(join(site.folder, "upstream"), PORTS.upstream, BODY_BYTES);
  const proxy = await startProxy(join(site.folder, "proxy"), PORTS.proxy, PORTS.upstream);
  const results = new Map<string, Result[]>();
  const take = async (contestant: Contestant): Promise<Result> => {
    const result = await measure(contestant, loadSeconds);
    results.set(contestant.name, [...(results.get(contestant.name) ?? []), result]);
    site.tell(`  ${contestant.name}: ${result.load.requestsPerSecond.toFixed(0)}/s`);
    return result;
  };
  const judged: Judged[] = [];
  const common = { port: PORTS.gateway, upstreamUrl: upstream.url, capture: "durable" } as const;
  const contests = [
    () => take({ name: "direct", url: upstream.url, processes: upstream.processes }),
    () => take({ name: "nginx", url: proxy.url, processes: proxy.processes }),
    (pass: number) => withFolder(site, `way-file-${pass}`, (folder) => toFile({ ...common, folder }, take)),
    async (pass: number) => void judged.push(await toKafka(site, `way-${pass}`, common, take)),
  ];
  try {
    for (let pass = 1; pass <= passes; pass++) {
      site.tell(`the whole way, pass ${pass} of ${passes}`);
      for (const contest of pass % 2 === 0 ? contests.toReversed() : contests) await contest(pass);
    }
  } finally {
    await proxy.stop();
    await upstream.stop();
  }
  const sum = (of: (each: Judged) => number): number => judged.reduce((total, each) => total + of(each), 0);
  const verdict = `${sum(({ answered }) => answered)} requests answered by the gateway to Kafka: ${sum(({ lost }) => lost)} lost, ${sum(({ doubled }) => doubled)} doubled`;
  const order = ["direct", "nginx", "gateway, `durable`, to a file", "gateway, `durable`, to Kafka"];
  return `${markdownTable(requestRows(new Map(order.map((name) => [name, results.get(name) ?? []]))))}\n${verdict}\n`;
}

async function toFile(settings: GatewaySettings, take: (contestant: Contestant) => Promise<Result>): Promise<void> {
  const gateway = await startGateway(settings);
  const name = "gateway, `durable`, to a file";
  await take({ name, url: gateway.url, processes: [gateway.pid], settled: () => gateway.drained() });
  await gateway.stop();
}

async function toKafka(
  site: Site,
  topic: string,
  common: Omit<GatewaySettings, "folder">,
  take: (contestant: Contestant) => Promise<Result>,
): Promise<Judged> {
  const destination = { type: "kafka", brokers: site.cluster.bootstrap, compression: "none" };
  return withTopic(site, topic, () =>
    withFolder(site, topic, async (folder) => {
      const gateway = await startGateway({ ...common, folder, destination, topic });
      const name = "gateway, `durable`, to Kafka";
      const settled = () => gateway.drained();
      const { requestsWithWarmUp } = await take({ name, url: gateway.url, processes: [gateway.pid], settled });
      await gateway.stop();
      return judge(site, topic, requestsWithWarmUp);
    }),
  );
}

/** By Kafka's own consumer: the numbers of a stream's messages in a topic have no gap, and each request made one. */
async function judge(site: Site, topic: string, answered: number): Promise<Judged> {
  const records = await consumeTopic(site.cluster, topic);
  const numbers = new Set(records.map(({ value }) => Number((JSON.parse(String(value)) as { readonly sequence: string }).sequence)));
  const highest = [...numbers].reduce((most, number) => Math.max(most, number), 0);
  // At the end of a load wrk leaves at most one request per connection unread, which the gateway captured all the same.
  if (numbers.size > answered + 2 * CONNECTIONS) throw new Error(`${numbers.size} messages of ${answered} requests`);
  const lost = Math.max(highest - numbers.size, answered - numbers.size, 0);
  return { answered, lost, doubled: records.length - numbers.size };
}
