/** Messages as a stream makes them, but for their content, and the spool that holds them. */
import type { Message } from "../../src/flow/message/message.ts";
import type { DestinationLog } from "../../src/flow/spool/destination-log.ts";
import { disk } from "../../src/flow/spool/disk.ts";
import { Spool } from "../../src/flow/spool/spool.ts";
import { DESTINATION } from "../gateway.ts";

const KEYS = 4096;
const TOPICS_MAX = 10_000;
const DAY_MS = 86_400_000;
const DEAD_BYTES_MAX = 1024 * 1024;

export function message(index: number, topic: string, value: Buffer, over: Partial<Message> = {}): Message {
  return {
    stream: "everything",
    rule: 1,
    revision: "0123456789ab",
    tenant: "diku",
    source: "front",
    sourcePosition: 0,
    eventId: `2f3c0a52-7a2e-4b61-9a5e-${String(index).padStart(12, "0")}`,
    topic,
    key: `reader${index % KEYS}`,
    headers: [["content-type", "application/cloudevents+json; charset=utf-8"]],
    value,
    acceptedMs: Date.now(),
    exactlyOnce: false,
    ...over,
  };
}

/** Opens the spool of a data folder as the program does. */
export async function openSpool(dataFolder: string, bytesMax: number): Promise<{ readonly spool: Spool; readonly log: DestinationLog }> {
  const deadLetters = { keepMs: DAY_MS, bytesMax: DEAD_BYTES_MAX };
  const spool = await Spool.open({
    disk,
    dataFolder,
    destinations: [{ name: DESTINATION, bytesMax, numbered: true, deadLetters }],
    topicsMax: TOPICS_MAX,
    onFinding: (_, { path, text }) => {
      throw new Error(`${path}: ${text}`);
    },
  });
  const log = spool.logs.get(DESTINATION);
  if (log === undefined) throw new Error("the spool has no log");
  return { spool, log };
}
