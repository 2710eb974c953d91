/**
 * Who we are at a Kafka cluster and which cluster and topics those are, for people to look at and decide over.
 *
 * Works on the memory alone and loads nothing of the client.
 */
import type { DestinationIdentity, DestinationMemory, MemoryChanges } from "../../driver/destination.ts";
import {
  CLUSTER_RECORD,
  clusterIn,
  FOUND_RECORD,
  partitionsText,
  foundIn,
  producerIn,
  recordsIn,
  renumberedLanesIn,
  topicIn,
  topicRecord,
  topicsIn,
  type FoundTopic,
} from "./memory-records.ts";

type ReadMemory = Pick<DestinationMemory, "get" | "names">;

export const kafkaIdentity: DestinationIdentity = { show, accept, reset };

function show(memory: ReadMemory): readonly (readonly [string, string])[] {
  const rows: (readonly [string, string])[] = [];
  const found = foundIn(memory);
  rows.push(["cluster", clusterIn(memory)?.id ?? "not met yet"]);
  if (found.cluster !== undefined) rows.push(["cluster found instead", found.cluster]);
  const producer = producerIn(memory);
  rows.push(["producer", producer === null ? "none yet" : `${producer.id}, epoch ${producer.epoch}`]);
  rows.push(["lanes numbered anew", String(renumberedLanesIn(memory).length)]);
  for (const name of topicsIn(memory)) {
    const { id, counts } = topicIn(memory, name) ?? { id: null, counts: [] };
    const [first, ...later] = counts;
    const growth = later.map(([from, count]) => `, ${count} from message ${from} on`).join("");
    rows.push([`topic ${name}`, `${id ?? "without an id"}, ${partitionsText(first?.[1] ?? 0)}${growth}`]);
    const instead = found.topics?.[name];
    if (instead !== undefined) rows.push([`topic ${name} found instead`, foundText(instead)]);
  }
  return rows;
}

/** Producer ids are given out per cluster: another cluster may have given ours to someone else. */
function accept(memory: ReadMemory): MemoryChanges {
  const found = foundIn(memory);
  if (found.cluster !== undefined) return reset(memory);
  const topics = Object.keys(found.topics ?? {});
  if (topics.length === 0) return [];
  return [...topics.map((name) => [topicRecord(name), null] as const), [FOUND_RECORD, null]];
}

/** The cluster last: a producer id without its cluster would be used at whichever cluster is met next. */
function reset(memory: ReadMemory): MemoryChanges {
  const names = recordsIn(memory).toSorted((left, right) => Number(left === CLUSTER_RECORD) - Number(right === CLUSTER_RECORD));
  return names.map((name) => [name, null] as const);
}

function foundText({ id, partitions }: FoundTopic): string {
  return `${id ?? "without an id"}, ${partitionsText(partitions)}`;
}
