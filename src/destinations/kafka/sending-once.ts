/**
 * Messages that are sent at most once: written beside the numbered ones, under no producer and no number.
 *
 * Promise: each message is in one request at most. The producer identity, its sequences, and what the memory knows of
 * topics are neither read nor changed: where a topic was made anew these go on, since nothing of them is in doubt.
 */
import type { OutgoingMessage, SendOutcome } from "../../driver/destination.ts";
import type { Cluster, KafkaTopic } from "./cluster.ts";
import { laneName } from "./lane-numbers.ts";
import { partitionOf } from "./murmur2.ts";
import type { BatchNumbers } from "./records.ts";
import { produce, sendingError, type SendingParts } from "./sending.ts";

/** What a batch says that nobody will send again: no producer, so that the broker keeps no account of it. */
const NO_NUMBERS: BatchNumbers = { producerId: -1n, epoch: -1, baseSequence: -1 };

export interface OnceParts extends Pick<SendingParts, "compression" | "queue"> {
  readonly cluster: SendingParts["cluster"] & Pick<Cluster, "known" | "topic">;
}

/** Never rejects. @param messages - Of one topic. */
export async function sendOnce(
  parts: OnceParts,
  messages: readonly OutgoingMessage[],
  signal: AbortSignal,
): Promise<readonly SendOutcome[]> {
  const { cluster } = parts;
  const { topic: name } = messages[0] as OutgoingMessage;
  let topic: KafkaTopic;
  try {
    topic = cluster.known(name) ?? (await cluster.topic(name, signal));
  } catch (cause) {
    const error = sendingError(cause, name, signal);
    return messages.map(() => error);
  }
  const outcomes = new Map<OutgoingMessage, SendOutcome>();
  const { partitions } = topic;
  const byPartition = Map.groupBy(messages, ({ key }) => partitionOf(key, partitions));
  await Promise.all([...byPartition].map(([partition, own]) => toPartition(parts, topic, partition, own, outcomes, signal)));
  return messages.map((message) => outcomes.get(message) as SendOutcome);
}

/** Batch after batch: what didn't fit into the one before was not sent yet. */
async function toPartition(
  parts: OnceParts,
  topic: KafkaTopic,
  partition: number,
  messages: readonly OutgoingMessage[],
  outcomes: Map<OutgoingMessage, SendOutcome>,
  signal: AbortSignal,
): Promise<void> {
  const lane = laneName(topic.name, partition);
  let left = messages;
  while (left.length > 0) {
    const batch = { lane, topic, partition, messages: left };
    const told = await produce(parts, batch, () => NO_NUMBERS, signal).then(
      (produced) => produced.outcomes,
      (cause: unknown) => {
        const error = sendingError(cause, lane, signal);
        return left.map(() => error);
      },
    );
    for (const [index, outcome] of told.entries()) outcomes.set(left[index] as OutgoingMessage, outcome);
    left = left.slice(told.length);
  }
}
