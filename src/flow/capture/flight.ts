/**
 * Remembers, on the edge, what the engine has been given and not yet answered for.
 *
 * Promise: each durable record settles exactly once: as the engine said, or as `lost` when the engine died first. Each
 * best-effort record that the engine refused counts once as `refused`, each other one that it had not credited when it
 * died once as `engine-lost`.
 */
import type { Settlement } from "../../driver/source.ts";
import type { SealedBatch } from "./batcher.ts";
import type { RouteLosses } from "./losses.ts";
import type { Room } from "./room.ts";
import type { SettleMessage } from "./settle.ts";

interface Unsettled {
  readonly bytes: number;
  readonly resolve: (settlement: Settlement) => void;
}

interface InFlight extends Pick<SealedBatch, "firstRecord" | "bestEffort" | "agentIds"> {
  readonly bytes: number;
}

/** Adds best-effort records that the engine took with it to their counters. @returns How many they are. */
export function countEngineLost(bestEffort: readonly (RouteLosses | null)[]): number {
  let total = 0;
  for (const losses of bestEffort) {
    if (losses === null) continue;
    losses.add("engine-lost", 1);
    total += 1;
  }
  return total;
}

export class Flight {
  readonly #room: Room;
  /** By batch number, in the order sent; the engine's credits pay for the oldest first. */
  readonly #batches = new Map<number, InFlight>();
  readonly #unsettled = new Map<number, Unsettled>();
  /** Records, durable or not, whose inside the engine could not read. */
  unreadableCount = 0;
  #creditBytes = 0;
  #whenEmpty: (() => void)[] = [];

  constructor(room: Room) {
    this.#room = room;
  }

  get batchCount(): number {
    return this.#batches.size;
  }

  get unsettledCount(): number {
    return this.#unsettled.size;
  }

  get isEmpty(): boolean {
    return this.#batches.size === 0 && this.#unsettled.size === 0;
  }

  /** Settles when the engine has answered for all it was given, or died. */
  emptied(): Promise<void> {
    return this.isEmpty ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** @param bytes - What the record took of the room. */
  settlement(recordNumber: number, bytes: number): Promise<Settlement> {
    return new Promise((resolve) => this.#unsettled.set(recordNumber, { bytes, resolve }));
  }

  sent(batch: SealedBatch): void {
    const { number, buffer, firstRecord, bestEffort, agentIds } = batch;
    this.#batches.set(number, { bytes: buffer.byteLength, firstRecord, bestEffort, agentIds });
  }

  /** The event id of an agent's record in flight; undefined for a transaction or a record that is not in flight. */
  agentEventId(recordNumber: number): string | undefined {
    for (const { agentIds } of this.#batches.values()) {
      const id = agentIds?.get(recordNumber);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  /** Takes in what the engine said. Settlements and credits for what is not in flight change nothing. */
  apply(message: SettleMessage): void {
    for (const { recordNumber, outcome } of message.settlements) {
      if (outcome === "unreadable") this.unreadableCount += 1;
      const unsettled = this.#unsettled.get(recordNumber);
      if (unsettled === undefined) {
        if (outcome === "refused") this.#countRefused(recordNumber);
        continue;
      }
      this.#unsettled.delete(recordNumber);
      this.#room.settled(unsettled.bytes);
      unsettled.resolve(outcome === "unreadable" ? "refused" : outcome);
    }
    this.#applyCredit(message.creditBytes);
    if (message.roomBytes !== null) this.#room.setSpoolRoom(message.roomBytes);
    this.#tellEmpty();
  }

  /** The engine died. @returns Records lost by it, of both kinds. */
  lose(): { readonly durable: number; readonly bestEffort: number } {
    let bestEffort = 0;
    for (const batch of this.#batches.values()) bestEffort += countEngineLost(batch.bestEffort);
    const unsettled = [...this.#unsettled.values()];
    this.#batches.clear();
    this.#unsettled.clear();
    this.#creditBytes = 0;
    this.#room.forgetHandedOver();
    for (const { resolve } of unsettled) resolve("lost");
    this.#tellEmpty();
    return { durable: unsettled.length, bestEffort };
  }

  /** Nobody waits for a best-effort record: that it was refused shows in the counts of its route. */
  #countRefused(recordNumber: number): void {
    // The engine works on the oldest, so that it is among the first.
    for (const { firstRecord, bestEffort } of this.#batches.values()) {
      const index = recordNumber - firstRecord;
      if (index >= bestEffort.length) continue;
      const losses = bestEffort[index] ?? null;
      if (losses === null) return;
      losses.add("refused", 1);
      bestEffort[index] = null;
      return;
    }
  }

  #applyCredit(bytes: number): void {
    if (bytes === 0) return;
    this.#room.credit(bytes);
    this.#creditBytes += bytes;
    for (const [number, batch] of this.#batches) {
      if (batch.bytes > this.#creditBytes) return;
      this.#creditBytes -= batch.bytes;
      this.#batches.delete(number);
    }
    // More than was handed over: nothing it could pay for later.
    this.#creditBytes = 0;
  }

  #tellEmpty(): void {
    if (!this.isEmpty) return;
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }
}
