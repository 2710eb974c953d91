/**
 * One batch of a lane on its way: what of it fits, what can't be sent at all, and what the broker's answer means.
 *
 * Promise: a message counts as sent once all replicas in sync have it. Nothing is answered as sent behind a message that
 * wasn't.
 */
import type { NumberedBatch, NumberedReceipt, OutgoingMessage, SendOutcome } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import type { Broker, Cluster, KafkaTopic } from "./cluster.ts";
import { codecBits, compress, type Compression } from "./compression.ts";
import { brokerError, destinationError } from "./kafka-error.ts";
import { laneParts, type LaneNumbers } from "./lane-numbers.ts";
import type { Placement } from "./placement.ts";
import { positionText } from "./position.ts";
import type { ProduceQueue } from "./produce-queue.ts";
import type { ProduceResult } from "./produce-request.ts";
import { BATCH_HEAD_BYTES, encodeRecords, loneBatchBytes, sealBatch, type BatchNumbers, type EncodedRecords } from "./records.ts";

const NO_ERROR = 0;
/** The replicas of this partition were late: nothing is wrong with the connection. */
const REQUEST_TIMED_OUT = 7;
/** What the cluster is known to be is out of date: no such topic or partition there, or another leader. */
const MOVED = new Set([3, 5, 6, 9, 56, 72, 74, 75, 100, 103]);
/** A message that compresses well may be larger than its batch; nothing beyond this is tried. */
const LONE_BYTES_MAX = 256 * 1024 * 1024;
/** Key and headers of a usual message. */
const MESSAGE_BYTES = 256;

export interface SendingParts {
  readonly cluster: Pick<Cluster, "leader" | "forget">;
  readonly placement: Pick<Placement, "verified">;
  readonly numbers: Pick<LaneNumbers, "batch">;
  readonly compression: Compression;
  queue(broker: Broker): ProduceQueue;
}

/** Never rejects. */
export async function sendBatch(parts: SendingParts, batch: NumberedBatch, signal: AbortSignal): Promise<NumberedReceipt> {
  try {
    return await send(parts, batch, signal);
  } catch (cause) {
    const error = sendingError(cause, batch.lane, signal);
    return { outcomes: batch.messages.map(() => error), position: null };
  }
}

/** Why no answer for a batch came. */
export function sendingError(cause: unknown, to: string, signal: AbortSignal): SidestreamError {
  return signal.aborted
    ? new SidestreamError("SST_DESTINATION_UNSURE", `${to}: given up waiting`, { cause })
    : destinationError(cause, `writing to ${to}`);
}

async function send(parts: SendingParts, { lane, firstNumber, messages }: NumberedBatch, signal: AbortSignal): Promise<NumberedReceipt> {
  const { topic: name, partition } = laneParts(lane);
  const topic = await parts.placement.verified(name, signal);
  const { outcomes, endOffset } = await produce(
    parts,
    { lane, topic, partition, messages },
    () => parts.numbers.batch(lane, firstNumber),
    signal,
  );
  return {
    outcomes: withRest(outcomes, messages.length),
    position: endOffset === null ? null : positionText({ topicId: topic.id, offset: endOffset }),
  };
}

/** Messages of one partition. */
export interface PartitionBatch {
  readonly lane: string;
  readonly topic: KafkaTopic;
  readonly partition: number;
  /** Not empty. */
  readonly messages: readonly OutgoingMessage[];
}

export interface Produced {
  /** Of the first messages; those without one were not looked at. */
  readonly outcomes: readonly SendOutcome[];
  /** The offset behind the last that was taken; null where none was, or the broker doesn't tell. */
  readonly endOffset: bigint | null;
}

/**
 * Writes as many messages to a partition as a batch of its topic takes.
 *
 * @param numbers - Asked for once the batch is about to be sent.
 * @throws What went wrong before an answer came.
 */
export async function produce(
  parts: Pick<SendingParts, "cluster" | "compression" | "queue">,
  { lane, topic, partition, messages }: PartitionBatch,
  numbers: () => BatchNumbers,
  signal: AbortSignal,
): Promise<Produced> {
  const { name } = topic;
  const leader = await parts.cluster.leader(name, partition, signal);
  const queue = parts.queue(leader);
  const room = await queue.reserve(Math.min(topic.batchBytesMax, bytesOf(messages)), signal);
  const records = await encoded(messages, topic.batchBytesMax, parts.compression).catch((error: unknown) => {
    room.release();
    throw error;
  });
  if (records === null) {
    room.release();
    return { outcomes: [tooLarge(messages[0] as OutgoingMessage, topic)], endOffset: null };
  }
  sealBatch(records.bytes, records.count, records.codec, numbers(), Date.now());
  const result = await queue.produce({ topic: name, topicId: topic.id, partition, batch: records.bytes }, room, signal);
  if (result.errorCode !== NO_ERROR) {
    if (MOVED.has(result.errorCode)) parts.cluster.forget(name);
    const error = refusal(result, records.count, `broker ${leader.address}: writing to ${lane}`);
    // Those that were not in the batch were not looked at.
    return { outcomes: error.retry === "never" ? [error] : messages.map(() => error), endOffset: null };
  }
  const outcomes: SendOutcome[] = messages.slice(0, records.count).map(() => null);
  const next = messages[records.count];
  // With compression it may fit alone, which is found out when its turn comes.
  if (next !== undefined && parts.compression === "none" && loneBatchBytes(next) > topic.batchBytesMax)
    outcomes.push(tooLarge(next, topic));
  return { outcomes, endOffset: result.baseOffset < 0n ? null : result.baseOffset + BigInt(records.count) };
}

/** About what they need, before they are looked at one by one. */
function bytesOf(messages: readonly OutgoingMessage[]): number {
  let bytes = BATCH_HEAD_BYTES;
  for (const { value } of messages) bytes += value.length + MESSAGE_BYTES;
  return bytes;
}

interface EncodedBatch extends EncodedRecords {
  /** As the head has it. */
  readonly codec: number;
}

/** @returns The batch of the first messages that fit, but for its head; null when not even the first does. */
async function encoded(messages: readonly OutgoingMessage[], bytesMax: number, compression: Compression): Promise<EncodedBatch | null> {
  const plain = encodeRecords(messages, bytesMax);
  if (compression === "none") return plain.count === 0 ? null : { ...plain, codec: 0 };
  if (plain.count > 0) return compressed(plain, compression);
  const [first] = messages as readonly [OutgoingMessage];
  if (loneBatchBytes(first) > LONE_BYTES_MAX) return null;
  const lone = await compressed(encodeRecords([first], LONE_BYTES_MAX), compression);
  return lone.bytes.length > bytesMax ? null : lone;
}

/** What compression makes larger is sent as it is. */
async function compressed(plain: EncodedRecords, compression: Compression): Promise<EncodedBatch> {
  const packed = await compress(compression, plain.bytes.subarray(BATCH_HEAD_BYTES));
  const length = BATCH_HEAD_BYTES + packed.length;
  if (length >= plain.bytes.length) return { ...plain, codec: 0 };
  const bytes = Buffer.allocUnsafe(length);
  bytes.set(packed, BATCH_HEAD_BYTES);
  return { bytes, count: plain.count, codec: codecBits(compression) };
}

function refusal({ errorCode, said }: ProduceResult, count: number, doing: string): SidestreamError {
  const error = brokerError(errorCode, doing, { said });
  if (MOVED.has(errorCode) || errorCode === REQUEST_TIMED_OUT)
    return new SidestreamError("SST_LANE_UNAVAILABLE", error.message, { cause: error });
  if (error.code === "SST_BATCH_REFUSED" && count === 1)
    return new SidestreamError("SST_DESTINATION_REFUSED", error.message, { cause: error });
  return error;
}

function tooLarge(message: OutgoingMessage, { name, batchBytesMax }: KafkaTopic): SidestreamError {
  return new SidestreamError(
    "SST_DESTINATION_REFUSED",
    `topic ${name} takes batches of ${batchBytesMax} bytes at most (max.message.bytes), and this message alone needs ${loneBatchBytes(message)}`,
  );
}

/** Those that nothing was tried with. */
function withRest(outcomes: readonly SendOutcome[], count: number): readonly SendOutcome[] {
  if (outcomes.length === count) return outcomes;
  const rest = new SidestreamError("SST_BATCH_REFUSED", "the batch was larger than the topic takes: the rest is sent again");
  return [...outcomes, ...Array.from({ length: count - outcomes.length }, () => rest)];
}
