/**
 * The way of batches to one broker: what its partitions hand over while requests are on their way goes with the next.
 *
 * Promise: the requests in flight are bounded in number, and the bytes that were encoded and not answered yet in sum. A
 * batch settles with what the broker said of its partition, or is unsure; also when its signal is aborted while the
 * broker says nothing. A broker works on one request of a connection at a time, so that few large ones go faster than
 * many small ones.
 */
import { SidestreamError } from "../../errors.ts";
import type { Broker } from "./cluster.ts";
import { destinationError } from "./kafka-error.ts";
import {
  partName,
  PRODUCE_API,
  produceVersions,
  readProduce,
  writeProduce,
  type ProducePart,
  type ProduceResult,
} from "./produce-request.ts";

/** One that the broker works on, one that is there when it is done. */
const REQUESTS_MAX = 2;
/** A broker takes 100 MiB at once; smaller requests keep others' partitions from waiting long. A larger batch goes alone. */
const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
/** Memory for a broker that is slow, or stopped. */
export const IN_FLIGHT_BYTES_MAX = 32 * 1024 * 1024;

/** Memory for one batch. Given back once the broker answered for it, or it was never sent. */
export interface Room {
  /** Again is harmless. */
  release(): void;
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

interface Entry {
  readonly part: ProducePart;
  readonly room: Room;
  readonly settle: (result: ProduceResult | SidestreamError) => void;
}

export class ProduceQueue {
  readonly #broker: Broker;
  readonly #ackMs: number;
  readonly #waiters: Waiter[] = [];
  readonly #inFlight = new Set<readonly Entry[]>();
  #entries: Entry[] = [];
  #bytesReserved = 0;
  #isPumpDue = false;
  #isClosed = false;

  /** @param ackMs - How long the leader may wait for the other replicas. */
  constructor(broker: Broker, ackMs: number) {
    this.#broker = broker;
    this.#ackMs = ackMs;
  }

  /**
   * Waits for room for a batch, before it is encoded. One that is larger than all the room has it alone.
   *
   * @throws SidestreamError `SST_DESTINATION_UNSURE` when the signal is aborted before.
   */
  async reserve(bytes: number, signal: AbortSignal): Promise<Room> {
    if (signal.aborted || this.#isClosed) throw this.#unsure("given up before it was sent");
    if (this.#waiters.length > 0 || !this.#hasRoom(bytes)) await this.#turn(bytes, signal);
    else this.#bytesReserved += bytes;
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#bytesReserved -= bytes;
        this.#admit();
      },
    };
  }

  /**
   * Writes a batch to its partition.
   *
   * @param room - Is given back by the queue.
   * @throws SidestreamError `SST_DESTINATION_UNSURE` when no answer came.
   */
  async produce(part: ProducePart, room: Room, signal: AbortSignal): Promise<ProduceResult> {
    if (signal.aborted || this.#isClosed) {
      room.release();
      throw this.#unsure("given up before it was sent");
    }
    const result = await new Promise<ProduceResult | SidestreamError>((resolve) => {
      const onAbort = (): void => entry.settle(this.#unsure("given up waiting"));
      const entry: Entry = {
        part,
        room,
        settle: (outcome) => {
          signal.removeEventListener("abort", onAbort);
          this.#withdraw(entry);
          resolve(outcome);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#entries.push(entry);
      this.#pumpSoon();
    });
    if (result instanceof SidestreamError) throw result;
    return result;
  }

  /** Whatever waits or is in flight is unsure from now on. */
  close(): void {
    this.#isClosed = true;
    const error = this.#unsure("the connection was ended");
    for (const waiter of this.#waiters.splice(0)) waiter.admit();
    for (const entry of [...this.#entries, ...[...this.#inFlight].flat()]) entry.settle(error);
  }

  #unsure(text: string): SidestreamError {
    return new SidestreamError("SST_DESTINATION_UNSURE", `broker ${this.#broker.address}: ${text}`);
  }

  #turn(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(this.#unsure("given up before it was sent"));
        this.#admit();
      };
      const waiter: Waiter = {
        bytes,
        admit: () => {
          signal.removeEventListener("abort", onAbort);
          this.#bytesReserved += bytes;
          resolve();
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  #hasRoom(bytes: number): boolean {
    return this.#bytesReserved === 0 || this.#bytesReserved + bytes <= IN_FLIGHT_BYTES_MAX;
  }

  #admit(): void {
    while (this.#waiters[0] !== undefined && this.#hasRoom(this.#waiters[0].bytes)) this.#waiters.shift()?.admit();
  }

  /** What is not in a request yet needs no room any more. */
  #withdraw(entry: Entry): void {
    const index = this.#entries.indexOf(entry);
    if (index === -1) return;
    this.#entries.splice(index, 1);
    entry.room.release();
  }

  /** A moment later, so that what all lanes send at once goes together. */
  #pumpSoon(): void {
    if (this.#isPumpDue || this.#inFlight.size >= REQUESTS_MAX) return;
    this.#isPumpDue = true;
    setImmediate(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#entries.length > 0 && this.#inFlight.size < REQUESTS_MAX) this.#send(this.#take());
  }

  /** The next request's parts: one batch a partition, as the protocol has it. */
  #take(): readonly Entry[] {
    const taken: Entry[] = [];
    const left: Entry[] = [];
    const partitions = new Set<string>();
    let bytes = 0;
    for (const entry of this.#entries) {
      const name = `${entry.part.topic}/${entry.part.partition}`;
      const fits = taken.length === 0 || bytes + entry.part.batch.length <= REQUEST_BYTES_MAX;
      if (!fits || partitions.has(name)) {
        left.push(entry);
        continue;
      }
      partitions.add(name);
      bytes += entry.part.batch.length;
      taken.push(entry);
    }
    this.#entries = left;
    return taken;
  }

  #send(entries: readonly Entry[]): void {
    const parts = entries.map(({ part }) => part);
    const settleAll = (error: SidestreamError): void => {
      for (const entry of entries) entry.settle(error);
    };
    let version: number;
    try {
      version = this.#broker.version(PRODUCE_API, produceVersions(parts.every(({ topicId }) => topicId !== null)));
    } catch (cause) {
      for (const { room } of entries) room.release();
      settleAll(destinationError(cause, `broker ${this.#broker.address}: writing messages`, "ask"));
      return;
    }
    this.#inFlight.add(entries);
    this.#broker.connection.send<ReadonlyMap<string, ProduceResult>>(
      PRODUCE_API,
      version,
      () => writeProduce(parts, version, this.#ackMs),
      (_correlationId, _apiKey, of, reader) => readProduce(reader, of),
      true,
      true,
      (error, results) => {
        this.#inFlight.delete(entries);
        for (const { room } of entries) room.release();
        if (error !== null) settleAll(destinationError(error, `broker ${this.#broker.address}: writing messages`));
        for (const entry of entries)
          entry.settle(results?.get(partName(entry.part, version)) ?? this.#unsure("answered without this partition"));
        this.#pump();
      },
    );
  }
}
