/**
 * Reads a topic by Kafka's own console consumer: the judge of what arrived.
 *
 * None of our code and none of the client library that the driver uses decodes the messages. The consumer prints bytes
 * that aren't plain ASCII as `\xHH`, so that no message can look like the separators between them.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { javaArguments } from "./jars.ts";
import { offsets, type Reachable } from "./topics.ts";

export interface ConsumedRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** In the message's order. */
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
}

export interface ConsumeOptions {
  /** Gives up when no message came for so long: 30 seconds unless given. */
  readonly idleMsMax?: number;
}

/** Longer than a start of Java and a group coordinator that loads, on a busy machine. */
const IDLE_MS_MAX = 30_000;
const BYTES = "org.apache.kafka.common.serialization.BytesDeserializer";
/** Control characters, which are escaped in keys and values. A header's name is printed as it is, but none holds one. */
const FIELDS = "\t";
const HEADERS = "\u0001";
/** The consumer escapes the text it takes for null, too. Nobody sends this. */
const NULL = "\u0002null\u0002";
const NULL_ESCAPED = "\\x02null\\x02";
const NO_HEADERS = "NO_HEADERS";

const FORMAT = {
  "print.timestamp": "true",
  "print.partition": "true",
  "print.offset": "true",
  "print.headers": "true",
  "print.key": "true",
  "print.value": "true",
  "key.separator": FIELDS,
  "headers.separator": HEADERS,
  "null.literal": NULL,
  "key.deserializer": BYTES,
  "value.deserializer": BYTES,
  "headers.deserializer": BYTES,
};

/**
 * All messages of a topic, from each partition's beginning to its end as of now, in each partition's order.
 *
 * @throws Error when the consumer fails, or ends before it has read all.
 */
export async function consumeTopic(
  cluster: Reachable & { readonly classPath: string },
  topic: string,
  options: ConsumeOptions = {},
): Promise<readonly ConsumedRecord[]> {
  const records: ConsumedRecord[] = [];
  await readTopic(cluster, topic, (record) => void records.push(record), options);
  return records;
}

/**
 * Hands over each message of a topic, as {@link consumeTopic} does, and keeps none: for more than fit into memory.
 *
 * @throws Error when the consumer fails, or ends before it has read all.
 */
export async function readTopic(
  cluster: Reachable & { readonly classPath: string },
  topic: string,
  take: (record: ConsumedRecord) => void,
  { idleMsMax = IDLE_MS_MAX }: ConsumeOptions = {},
): Promise<void> {
  const missing = new Map((await offsets(cluster, topic)).flatMap(({ begin, end }, partition) => (end > begin ? [[partition, end]] : [])));
  const ends = new Map(missing);
  if (ends.size === 0) return;
  const format = Object.entries(FORMAT).flatMap(([name, value]) => ["--formatter-property", `${name}=${value}`]);
  const from = ["--bootstrap-server", cluster.bootstrap.join(","), "--topic", topic, "--from-beginning"];
  const tool = ["org.apache.kafka.tools.consumer.ConsoleConsumer", ...from, "--timeout-ms", String(idleMsMax), ...format];
  const child = spawn("java", ["-Xmx256m", ...javaArguments(cluster.classPath), ...tool], { stdio: ["ignore", "pipe", "pipe"] });
  const killChild = (): void => void child.kill("SIGKILL");
  process.once("exit", killChild);
  const ended = once(child, "close");
  let errors = "";
  let count = 0;
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
      const record = parseRecord(line);
      const end = ends.get(record.partition);
      // What came after the ends were asked for is left out.
      if (end === undefined || record.offset >= end) continue;
      count += 1;
      take(record);
      if (record.offset === end - 1) missing.delete(record.partition);
      if (missing.size === 0) return;
    }
  } finally {
    child.stdout.resume();
    killChild();
    process.off("exit", killChild);
    await ended;
  }
  const left = [...missing].map(([partition, end]) => `partition ${partition} up to offset ${end}`).join(", ");
  throw new Error(`Kafka's console consumer read ${count} messages of ${topic} and not ${left}:\n${errors.trim().slice(-2000)}`);
}

/** One line of the console consumer with the format above. */
export function parseRecord(line: string): ConsumedRecord {
  const [time = "", partition = "", offset = "", headers = "", key = "", value = "", ...rest] = line.split(FIELDS);
  const timestamp = /^(?:CreateTime|LogAppendTime):(\d+)$/u.exec(time)?.[1];
  const partitionNumber = /^Partition:(\d+)$/u.exec(partition)?.[1];
  const offsetNumber = /^Offset:(\d+)$/u.exec(offset)?.[1];
  if (timestamp === undefined || partitionNumber === undefined || offsetNumber === undefined || rest.length > 0) {
    throw new Error(`not a line of the console consumer: ${JSON.stringify(line)}`);
  }
  return {
    timestamp: Number(timestamp),
    partition: Number(partitionNumber),
    offset: Number(offsetNumber),
    headers: headers === NO_HEADERS ? [] : headers.split(HEADERS).map(parseHeader),
    key: parseBytes(key),
    value: parseBytes(value),
  };
}

function parseHeader(text: string): readonly [string, Buffer | null] {
  const colon = text.indexOf(":");
  return [text.slice(0, colon), parseBytes(text.slice(colon + 1))];
}

function parseBytes(text: string): Buffer | null {
  if (text === NULL_ESCAPED) return null;
  return Buffer.from(
    text.replaceAll(/\\x([0-9A-F]{2})/gu, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16))),
    "latin1",
  );
}
