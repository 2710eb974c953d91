/**
 * The `kafka` destination: idempotent batches, numbered from the spool's log, so that a message that was acknowledged, or
 * only may have been written, isn't written again.
 *
 * The client library is loaded when a destination is opened.
 */
import { defineDestination } from "../../driver/destination.ts";
import { kafkaIdentity } from "./identity.ts";
import { KAFKA_PATHS, kafkaOptions } from "./options.ts";

export const kafka = defineDestination({
  type: "kafka",
  summary: "Sends to Apache Kafka and what speaks its protocol; lanes are partitions",
  options: kafkaOptions,
  paths: KAFKA_PATHS,
  promises: { ordered: true, deduplicates: true, lanes: 1 },
  identity: kafkaIdentity,
  async open(options, context) {
    const { openKafka } = await import("./kafka-connection.ts");
    return openKafka(options, context);
  },
  async *read(options, topic, context) {
    const { readTopic } = await import("./topic-reading.ts");
    yield* readTopic(options, topic, context);
  },
});
