/**
 * Under which producer, epoch and sequence a lane's messages go, so that the broker refuses what it already has.
 *
 * Promise: it follows from the memory and a message's number alone, over all restarts. A sequence is the number less the
 * lane's base, in 31 bits.
 */
import type { DestinationMemory } from "../../driver/destination.ts";
import { laneIn, laneRecord, type LaneRecord } from "./memory-records.ts";
import type { BatchNumbers } from "./records.ts";

/** Sequences begin again at 0 after 2^31 - 1. */
const SEQUENCES = 2 ** 31;
/** The highest epoch there is. */
const EPOCH_MAX = 32_767;

/** What InitProducerId gave. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
}

export interface LaneIdentity extends ProducerIdentity {
  /** The message of this number has sequence 0. */
  readonly base: number;
  /** Nothing under this epoch is before it; null: that isn't known. */
  readonly position: string | null;
}

export function laneName(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

export function laneParts(lane: string): { readonly topic: string; readonly partition: number } {
  const slash = lane.lastIndexOf("/");
  return { topic: lane.slice(0, slash), partition: Number(lane.slice(slash + 1)) };
}

export class LaneNumbers {
  readonly #memory: DestinationMemory;
  readonly #producer: ProducerIdentity;
  readonly #newProducer: (signal: AbortSignal) => Promise<ProducerIdentity>;
  readonly #lanes = new Map<string, LaneIdentity>();

  /** @param newProducer - Asks the cluster for another identity, once a lane used up its epochs. */
  constructor(memory: DestinationMemory, producer: ProducerIdentity, newProducer: (signal: AbortSignal) => Promise<ProducerIdentity>) {
    this.#memory = memory;
    this.#producer = producer;
    this.#newProducer = newProducer;
  }

  of(lane: string): LaneIdentity {
    const known = this.#lanes.get(lane);
    if (known !== undefined) return known;
    const record = laneIn(this.#memory, lane);
    const { producerId, epoch } = this.#producer;
    const identity =
      record === null
        ? { producerId, epoch, base: 0, position: null }
        : {
            producerId: record.id === undefined ? producerId : BigInt(record.id),
            epoch: record.epoch,
            base: record.base,
            position: record.position ?? null,
          };
    this.#lanes.set(lane, identity);
    return identity;
  }

  batch(lane: string, firstNumber: number): BatchNumbers {
    const identity = this.of(lane);
    return { producerId: identity.producerId, epoch: identity.epoch, baseSequence: sequenceOf(identity, firstNumber) };
  }

  /**
   * Begins a lane's sequences anew with the message of a number. A broker takes a higher epoch on a partition with
   * sequence 0, and refuses what still comes under a lower one.
   */
  async renumber(lane: string, number: number, position: string | null, signal: AbortSignal): Promise<void> {
    const { producerId, epoch } = this.of(lane);
    const next = epoch < EPOCH_MAX ? { producerId, epoch: epoch + 1 } : await this.#newProducer(signal);
    const own = next.producerId === this.#producer.producerId ? {} : { id: String(next.producerId) };
    const record: LaneRecord = { ...own, epoch: next.epoch, base: number, ...(position === null ? {} : { position }) };
    await this.#memory.set(laneRecord(lane), record);
    this.#lanes.set(lane, { ...next, base: number, position });
  }
}

export function sequenceOf({ base }: Pick<LaneIdentity, "base">, number: number): number {
  return (((number - base) % SEQUENCES) + SEQUENCES) % SEQUENCES;
}

/** Sequence of a batch's last record. */
export function lastSequenceOf(baseSequence: number, lastOffsetDelta: number): number {
  return (baseSequence + lastOffsetDelta) % SEQUENCES;
}

/**
 * Number of the message after the one with this sequence: of all that it can be, the one next to `near`. Sequences before
 * 0 are those before the lane's base, counted back from 2^31 - 1: raised to the base, it would claim what never arrived.
 */
export function numberAfter(identity: Pick<LaneIdentity, "base">, sequence: number, near: number): number {
  const ahead = (sequence + 1 - sequenceOf(identity, near) + SEQUENCES) % SEQUENCES;
  return Math.max(0, near + (ahead < SEQUENCES / 2 ? ahead : ahead - SEQUENCES));
}
