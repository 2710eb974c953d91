/** Who we are at a cluster: an id that it gives out once, kept in the memory over all restarts. */
import { setTimeout as pause } from "node:timers/promises";
import { initProducerIdV4, initProducerIdV5 } from "@platformatic/kafka";
import type { DestinationMemory } from "../../driver/destination.ts";
import { isSidestreamError } from "../../errors.ts";
import { ask } from "./broker.ts";
import type { Cluster } from "./cluster.ts";
import type { ProducerIdentity } from "./lane-numbers.ts";
import { PRODUCER_RECORD, producerIn, type ProducerRecord } from "./memory-records.ts";
import { API_KEYS } from "./versions.ts";

const INIT_PRODUCER_ID = { 4: initProducerIdV4.api, 5: initProducerIdV5.api } as const;
/** A broker that just started gives no ids for a moment. */
const RETRY_MS = 200;

/** The producer in the memory; a new one, on disk before it is used, where there is none. */
export async function meetProducer(cluster: Cluster, memory: DestinationMemory, signal: AbortSignal): Promise<ProducerIdentity> {
  const known = producerIn(memory);
  if (known !== null) return { producerId: BigInt(known.id), epoch: known.epoch };
  const identity = await newProducer(cluster, signal);
  await memory.set(PRODUCER_RECORD, { id: String(identity.producerId), epoch: identity.epoch } satisfies ProducerRecord);
  return identity;
}

/**
 * Asks for a producer id that nobody has, again while no broker is ready to give one.
 *
 * @param signal - Bounds the asking.
 */
export async function newProducer(cluster: Cluster, signal: AbortSignal): Promise<ProducerIdentity> {
  for (;;) {
    const broker = await cluster.any(signal);
    const version = broker.version(API_KEYS.initProducerId, [4, 5]) as keyof typeof INIT_PRODUCER_ID;
    try {
      const answer = await ask(broker, "getting a producer id", signal, (connection) =>
        INIT_PRODUCER_ID[version].async(connection, null, 0),
      );
      return { producerId: answer.producerId, epoch: answer.producerEpoch };
    } catch (error) {
      if (signal.aborted || !isSidestreamError(error) || error.code !== "SST_LANE_UNAVAILABLE") throw error;
      await pause(RETRY_MS, undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
}
