/**
 * The messages of one destination that are sent once, from memory: numbered, counted, and never waited for.
 *
 * Promise: `take` returns at once and touches no disk. Each message counts as accepted once, and leaves as delivered or
 * dropped once; accepted = delivered + dropped + pending at every moment, per stream and tenant, from zero at each start.
 * Numbers are given to those that are dropped, too, so that a reader of a topic sees holes where messages are missing.
 */
import { randomBytes } from "node:crypto";
import type { DestinationPromises, OutgoingMessage } from "../driver/destination.ts";
import { isSidestreamError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import type { CountTables } from "./message-counts.ts";
import { MemoryNotices, REPEATED } from "./memory-notices.ts";
import { messageOf, type Put } from "./put.ts";
import { TenantCounts, TopicNumbers } from "./spool/log-state.ts";
import { OutcomeCounts } from "./spool/outcome-counts.ts";
import { PendingMessages } from "./spool/pending-messages.ts";
import { systemClock } from "./transmit/clock.ts";
import { MEMORY_BYTES_MAX, MEMORY_MESSAGES_MAX, type MemoryBounds } from "./transmit/memory-queue.ts";
import type { SharedConnection } from "./transmit/connection-keeper.ts";
import { MemorySender } from "./transmit/memory-sender.ts";

/** As long as the id of a log on disk. */
const LOG_ID_BYTES = 16;
const DEFAULT_BOUNDS: MemoryBounds = { messagesMax: MEMORY_MESSAGES_MAX, bytesMax: MEMORY_BYTES_MAX };

export interface MemoryOutletParts {
  /** The destination's. */
  readonly name: string;
  readonly promises: DestinationPromises;
  readonly bounds?: MemoryBounds | undefined;
  readonly maxRate: number | null;
  /** Distinct topics that it takes. */
  readonly topicsMax: number;
  readonly log: Log;
}

/** A message as the driver is given it, and whose it is. */
interface Counted extends OutgoingMessage {
  readonly stream: string;
  /** As it is counted. */
  readonly tenant: string;
}

/** What the status shows of it. */
export interface MemoryState {
  /** Another one at each start. */
  readonly logId: string;
  /** Messages that wait or are being sent, and their bytes. */
  readonly messages: number;
  readonly bytes: number;
}

export class MemoryOutlet {
  readonly #logId = randomBytes(LOG_ID_BYTES).toString("hex");
  readonly #name: string;
  readonly #log: Log;
  readonly #numbers: TopicNumbers;
  readonly #accepted = new TenantCounts();
  readonly #pending = new PendingMessages();
  readonly #outcomes = new OutcomeCounts({});
  readonly #notices: MemoryNotices;
  readonly #sender: MemorySender<Counted>;
  #sequence = 0;

  constructor({ name, promises, bounds = DEFAULT_BOUNDS, maxRate, topicsMax, log }: MemoryOutletParts) {
    this.#name = name;
    this.#log = log;
    this.#numbers = new TopicNumbers(topicsMax, 0);
    this.#notices = new MemoryNotices(name, log);
    this.#sender = new MemorySender<Counted>({
      promises,
      bounds,
      maxRate,
      clock: systemClock,
      settled: (message, reason) => this.#settled(message, reason),
    });
  }

  /** The connection to send over; told again when it came, or was lost. */
  use(shared: SharedConnection): void {
    this.#sender.use(shared);
  }

  /**
   * Makes the message of a selection and takes it in, or drops it: for want of room, or without a topic to send it to.
   *
   * @param topic - Null: its template gave none.
   */
  take(put: Put, topic: string | null): void {
    const stream = put.selection.stream.id;
    const tenant = this.#accepted.add(stream, put.prepared.event.identity.tenant, 1);
    if (topic === null) return this.#drop(stream, tenant, "SST_TEMPLATE_VALUE");
    if (put.isRepeated) return this.#drop(stream, tenant, REPEATED);
    const number = this.#number(stream, topic);
    if (number === null) return this.#drop(stream, tenant, "SST_TOPIC_LIMIT");
    const key = put.maker.key(put.prepared, put.selection.stream, put.attributes);
    // Encoding is what costs: a flood that finds no room isn't encoded.
    const refusal = this.#sender.refusal({ topic, key });
    if (refusal !== null) return this.#drop(stream, tenant, refusal);
    const { headers, value } = messageOf(put, topic, this.#logId, number);
    this.#pending.add(stream, tenant, 1, 0);
    this.#sender.offer({ topic, key, headers, value, sequence: ++this.#sequence, stream, tenant });
  }

  state(): MemoryState {
    return { logId: this.#logId, ...this.#sender.holds };
  }

  counts(): CountTables {
    return {
      accepted: this.#accepted.table(),
      pending: this.#pending.table(),
      outcomes: this.#outcomes.table(),
      turnedAway: {},
    };
  }

  /** Takes nothing more, sends what waits within the grace period, and drops the rest. */
  async stop(graceMs: number): Promise<void> {
    this.#notices.isStopping = true;
    const count = await this.#sender.stop(graceMs);
    if (count === 0) return;
    const what = count === 1 ? "1 message" : `${count} messages`;
    this.#log.warn(
      { destination: this.#name, dropped: count },
      `${what} for ${this.#name} with \`delivery: at-most-once\` waited in memory at the stop and could not be sent in time: dropped`,
    );
  }

  /** Null: it would be one topic too many. */
  #number(stream: string, topic: string): number | null {
    try {
      const number = this.#numbers.peek(stream, topic);
      this.#numbers.take(stream, topic);
      return number;
    } catch (error) {
      if (isSidestreamError(error)) return null;
      throw error;
    }
  }

  #settled({ stream, tenant }: Counted, reason: string | null): void {
    this.#pending.add(stream, tenant, -1, 0);
    if (reason === null) this.#outcomes.add(stream, tenant, "delivered", null, 1);
    else this.#drop(stream, tenant, reason);
  }

  #drop(stream: string, tenant: string, reason: string): void {
    this.#outcomes.add(stream, tenant, "dropped", reason, 1);
    this.#notices.dropped(reason);
  }
}
