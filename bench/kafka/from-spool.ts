/** From a filled spool to Kafka, until acknowledged and confirmed on disk, beside the Java producer. */
import { join } from "node:path";
import { runModule } from "../children.ts";
import { markdownTable, median, whole } from "../figures.ts";
import type { FillGiven, FillTold } from "./fill-spool.ts";
import { runJavaProducer } from "./java-producer.ts";
import { PAYLOAD_BYTES } from "./payload.ts";
import type { SendGiven, SendTold } from "./send-spool.ts";
import { settleDisk, withFolder } from "../scratch.ts";
import { expectMessages, withTopic, type Site } from "./site.ts";

const MILLION = 1_000_000;
const MIB = 1024 * 1024;
/** The product's default, and what a machine with memory to spare may be given. */
export const IN_FLIGHT_DEFAULT = 1_000;
const IN_FLIGHT_MAX = [IN_FLIGHT_DEFAULT, 10_000];
/** Twice what a message takes in the log. */
const SPOOL_BYTES_PER_MESSAGE = 4 * PAYLOAD_BYTES;
const SPOOL_BYTES_MIN = 16 * MIB;
const JAVA = "Java producer, `linger.ms=5`, `batch.size=131072`";

interface Sent {
  readonly perSecond: number;
  /** CPU seconds per million messages. */
  readonly cpuSeconds: number;
  readonly systemSeconds: number;
  readonly sends?: number;
  readonly threads?: SendTold["threads"];
  readonly memoryBytesMax?: number;
}

export async function fromSpool(site: Site): Promise<string> {
  const { passes, messages } = site.extent;
  const contestants = new Map<string, (name: string) => Promise<Sent>>([
    [JAVA, (name) => java(site, name)],
    ...IN_FLIGHT_MAX.map((inFlightMax) => [contestantName(inFlightMax), (name: string) => sendSpool(site, name, { inFlightMax })] as const),
  ]);
  const results = new Map<string, Sent[]>([...contestants.keys()].map((name) => [name, []]));
  // The broker's first messages cost it more than the later ones.
  await withTopic(site, "warm-up", () => runJavaProducer(site, "warm-up", Math.ceil(messages / 6)));
  const { cpuSeconds: startSeconds } = await fillAndSend(site, "start", 1, { inFlightMax: IN_FLIGHT_DEFAULT });
  for (let pass = 1; pass <= passes; pass++) {
    const inTurn = [...contestants];
    for (const [at, [name, run]] of (pass % 2 === 0 ? inTurn.toReversed() : inTurn).entries()) {
      const sent = await run(`spool-${pass}-${at}`);
      results.get(name)?.push(sent);
      site.tell(`from the spool, pass ${pass} of ${passes}: ${name}: ${whole(sent.perSecond)}/s, ${sent.cpuSeconds.toFixed(2)} CPU s/M`);
    }
  }
  const start = `- one message alone takes Sidestream ${startSeconds.toFixed(2)} CPU s, its start; this is part of the figures\n`;
  return `${markdownTable(rows(results))}\n${details(results, messages)}${start}`;
}

function contestantName(inFlightMax: number): string {
  return `Sidestream, \`inFlightMax: ${inFlightMax}\`${inFlightMax === IN_FLIGHT_DEFAULT ? " (default)" : ""}`;
}

async function java(site: Site, topic: string): Promise<Sent> {
  const { messages } = site.extent;
  return withTopic(site, topic, async () => {
    // Java's own start, and that of the client, which is taken off.
    const empty = await runJavaProducer(site, topic, 1);
    settleDisk(site);
    const { perSecond, cpuSeconds, systemSeconds } = await runJavaProducer(site, topic, messages);
    await expectMessages(site, topic, messages + 1);
    const perMillion = (all: number, start: number): number => ((all - start) / messages) * MILLION;
    return {
      perSecond,
      cpuSeconds: perMillion(cpuSeconds, empty.cpuSeconds),
      systemSeconds: perMillion(systemSeconds, empty.systemSeconds),
    };
  });
}

export interface SendOptions {
  readonly inFlightMax: number;
  /** What the messages are promised; without it at least once. */
  readonly exactlyOnce?: boolean;
  readonly nodeArguments?: readonly string[];
}

/** Fills a spool, then sends it; of the filling nothing counts. */
export async function sendSpool(site: Site, topic: string, options: SendOptions): Promise<Sent> {
  const { messages } = site.extent;
  const { seconds, cpuSeconds, systemSeconds, ...rest } = await fillAndSend(site, topic, messages, options);
  const perMillion = (all: number): number => (all / messages) * MILLION;
  return { ...rest, perSecond: messages / seconds, cpuSeconds: perMillion(cpuSeconds), systemSeconds: perMillion(systemSeconds) };
}

type Told = Awaited<ReturnType<typeof runModule<SendTold>>>;

function fillAndSend(
  site: Site,
  topic: string,
  messages: number,
  { inFlightMax, exactlyOnce = false, nodeArguments = [] }: SendOptions,
): Promise<Told> {
  return withTopic(site, topic, () =>
    withFolder(site, topic, async (dataFolder) => {
      const common = { dataFolder, bytesMax: SPOOL_BYTES_MIN + messages * SPOOL_BYTES_PER_MESSAGE };
      const filling: FillGiven = {
        ...common,
        payloadFile: site.payloadFile,
        topics: [topic],
        exactlyOnce,
        until: { messages },
      };
      await runModule<FillTold>(join(import.meta.dirname, "fill-spool.ts"), filling);
      settleDisk(site);
      const sending: SendGiven = { ...common, brokers: site.cluster.bootstrap, inFlightMax, messages };
      const told = await runModule<SendTold>(join(import.meta.dirname, "send-spool.ts"), sending, nodeArguments);
      await expectMessages(site, topic, messages);
      return told;
    }),
  );
}

function rows(results: ReadonlyMap<string, readonly Sent[]>): string[][] {
  const reference = results.get(JAVA) ?? [];
  // Of each pass by itself, since what else the machine does changes from one to the next.
  const ratio = (all: readonly Sent[], of: (sent: Sent) => number): string =>
    median(all.map((sent, pass) => of(sent) / of(reference[pass] as Sent))).toFixed(2);
  const body = [...results].map(([name, all]) => [
    name,
    whole(median(all.map(({ perSecond }) => perSecond))),
    ratio(all, ({ perSecond }) => perSecond),
    median(all.map(({ cpuSeconds }) => cpuSeconds)).toFixed(1),
    ratio(all, ({ cpuSeconds }) => cpuSeconds),
    median(all.map(({ systemSeconds }) => systemSeconds)).toFixed(1),
  ]);
  return [["", "messages/s", "of Java", "CPU s per million", "of Java", "system's part, s"], ...body];
}

function details(results: ReadonlyMap<string, readonly Sent[]>, messages: number): string {
  const lines: string[] = [];
  for (const [name, all] of results) {
    const of = (figure: (sent: Sent) => number | undefined): number => median(all.map((sent) => figure(sent) ?? NaN));
    const threads = Object.keys(all[0]?.threads ?? {})
      .map((role) => `${role === "edge" ? "main" : role} ${(of(({ threads }) => threads?.[role]) / messages).toFixed(1)}`)
      .join(", ");
    if (threads === "") continue;
    const memory = whole(of(({ memoryBytesMax }) => memoryBytesMax) / MIB);
    lines.push(`- ${name}: ${whole(of(({ sends }) => sends))} batches, at most ${memory} MiB resident; µs/message by thread: ${threads}\n`);
  }
  return lines.join("");
}
