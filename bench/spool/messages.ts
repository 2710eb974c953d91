/** Messages as a stream makes them, but for their content; what they are in bytes; the spool that takes them. */
import type { Message } from "../../src/flow/message/message.ts";
import type { DeadLetterLog } from "../../src/flow/spool/dead-letter-log.ts";
import type { DestinationLog } from "../../src/flow/spool/destination-log.ts";
import { disk } from "../../src/flow/spool/disk.ts";
import { encodeMessage, LANE_UNASSIGNED, messagePayloadBytesMax } from "../../src/flow/spool/message-codec.ts";
import { Spool, type SpoolDestination } from "../../src/flow/spool/spool.ts";
import { message } from "../kafka/messages.ts";
import { readPayload } from "../kafka/payload.ts";

/** So many different ones, in turn. A power of two. */
const POOL = 4096;
/** Many times what all appenders together have under way: no byte is overwritten before its store has it on disk. */
const ENCODED_RING_BYTES = 32 * 1024 * 1024;
const TOPIC = "users";
const TOPICS_MAX = 10_000;
const DAY_MS = 86_400_000;
const DEAD_BYTES_MAX = 1024 * 1024;
const DESTINATION = "somewhere";
const TRACE = ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"] as const;

/** Made beforehand: the making is no part of what is measured. */
export class MessagePool {
  readonly #messages: readonly Message[];

  constructor(payloadFile: string, tenant = "diku") {
    const payload = readPayload(payloadFile);
    this.#messages = Array.from({ length: POOL }, (_, index) => {
      const made = message(index, TOPIC, payload[index % payload.length] as Buffer);
      return { ...made, tenant, headers: [...made.headers, TRACE] };
    });
  }

  at(index: number): Message {
    return this.#messages[index & (POOL - 1)] as Message;
  }

  /** The bytes that the log keeps of each message, made beforehand. */
  encoded(): readonly Buffer[] {
    return this.#messages.map((each, index) => {
      const target = Buffer.alloc(messagePayloadBytesMax(each));
      return target.subarray(0, encodeMessage(target, 0, each, index + 1, LANE_UNASSIGNED));
    });
  }

  /** Gives those bytes of a message by its number, each time anew: for a store that takes bytes. */
  encoder(): (index: number) => Buffer {
    const ring = Buffer.alloc(ENCODED_RING_BYTES);
    let at = 0;
    return (index) => {
      const each = this.at(index);
      if (at + messagePayloadBytesMax(each) > ring.length) at = 0;
      const from = at;
      at += encodeMessage(ring, from, each, index + 1, LANE_UNASSIGNED);
      return ring.subarray(from, at);
    };
  }
}

export interface OpenSpool {
  readonly spool: Spool;
  readonly log: DestinationLog;
  readonly deadLetters: DeadLetterLog;
}

/** Opens the spool of a data folder as the program does for a destination that numbers nothing. */
export async function openSpool(dataFolder: string, room: Pick<SpoolDestination, "bytesMax" | "tenantShare">): Promise<OpenSpool> {
  const spool = await Spool.open({
    disk,
    dataFolder,
    destinations: [{ name: DESTINATION, ...room, deadLetters: { keepMs: DAY_MS, bytesMax: DEAD_BYTES_MAX } }],
    topicsMax: TOPICS_MAX,
    onFinding: (_, { path, text }) => {
      throw new Error(`${path}: ${text}`);
    },
  });
  const log = spool.logs.get(DESTINATION);
  const deadLetters = spool.deadLetters.get(DESTINATION);
  if (log === undefined || deadLetters === undefined) throw new Error("the spool has no log");
  return { spool, log, deadLetters };
}
