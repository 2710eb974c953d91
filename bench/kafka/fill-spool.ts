/** A process that fills a spool and ends: what it leaves in memory must not be measured with what empties it. */
import { givenToModule } from "../children.ts";
import { message, openSpool } from "./messages.ts";
import { readPayload } from "./payload.ts";

export interface FillGiven {
  readonly dataFolder: string;
  readonly bytesMax: number;
  readonly payloadFile: string;
  /** In turn, for {@link RUN} messages each. */
  readonly topics: readonly string[];
  readonly exactlyOnce?: boolean;
  /** Seconds over which they were accepted, up to now, at an even pace. Only where it is told how many they are. */
  readonly acceptedOverSeconds?: number;
  /** How far it fills: so many messages, or so many bytes of disk. */
  readonly until: { readonly messages: number } | { readonly bytes: number };
}

export interface FillTold {
  readonly messagesByTopic: Readonly<Record<string, number>>;
}

/** A log of a busy program: neighbours are often of one topic. */
const RUN = 256;
/** Messages between two commits: enough that filling is quick. */
const COMMIT = 1024;

const { dataFolder, bytesMax, payloadFile, topics, until, exactlyOnce = false, acceptedOverSeconds = 0 } = givenToModule() as FillGiven;
const payload = readPayload(payloadFile);
const { spool, log } = await openSpool(dataFolder, bytesMax);
const messagesByTopic: Record<string, number> = {};
for (let index = 0; !("messages" in until) || index < until.messages; index++) {
  const topic = topics[Math.floor(index / RUN) % topics.length] as string;
  const agoSeconds = "messages" in until ? acceptedOverSeconds * (1 - index / until.messages) : 0;
  const acceptedMs = Date.now() - agoSeconds * 1000;
  log.append(
    message(index, topic, payload[index % payload.length] as Buffer, { exactlyOnce, acceptedMs, headers: [["index", String(index)]] }),
    true,
  );
  messagesByTopic[topic] = (messagesByTopic[topic] ?? 0) + 1;
  if (index % COMMIT !== COMMIT - 1) continue;
  await log.flush();
  if ("bytes" in until && log.status().usedBytes >= until.bytes) break;
}
await log.flush();
await spool.close();
process.stdout.write(JSON.stringify({ messagesByTopic } satisfies FillTold));
