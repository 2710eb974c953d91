/**
 * A destination that refuses what it has by numbers, as Kafka does, with the faults of a broker: answers that are lost,
 * requests that come late, state that is forgotten. It outlives the processes that send to it.
 */
import { z } from "zod";
import type {
  DestinationDriver,
  DestinationMemory,
  LanePosition,
  LaneRecovery,
  NumberedBatch,
  NumberedConnection,
  NumberedReceipt,
  OutgoingMessage,
} from "../../../driver/destination.ts";
import { SidestreamError, type ErrorCode } from "../../../errors.ts";
import { laneOfKey } from "../lane-of-key.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export type Fault =
  | "none"
  | "lost-before"
  | "lost-after"
  /** The answer is lost, and the request arrives long after. */
  | "late"
  | "hang"
  | "busy"
  | "unreachable"
  | "split"
  /** The broker forgets what it knows of the lane's numbers, then takes the batch. */
  | "forget"
  /** It forgets them, and the request is lost. */
  | "forgotten-before"
  /** It takes the batch and forgets the numbers, and the answer is lost. */
  | "forgotten-after";

/** How long a late request lies around. */
const LATE_MS = 50_000;
/** Batches that the broker knows again. */
const BATCHES_KNOWN = 5;

interface LaneState {
  epoch: number;
  next: number;
  readonly batches: { readonly first: number; readonly end: number }[];
}

export class NumberedDestination {
  readonly arrived: OutgoingMessage[] = [];
  /** Sent without numbers. */
  readonly arrivedOnce: OutgoingMessage[] = [];
  readonly violations: string[] = [];
  /** Faults of the next sends, in order; none when it is empty. */
  readonly faults: Fault[] = [];
  /** Questions that fail, in order. */
  readonly questionFailures: boolean[] = [];
  /** Milliseconds that answers to questions take, in order; what they say was so when they were asked. */
  readonly questionDelaysMs: number[] = [];
  /** Refused for good. */
  isRefused: (message: OutgoingMessage) => boolean = () => false;
  /** Throws to make a topic's lanes unknown. */
  topicError: (topic: string) => SidestreamError | null = () => null;
  /** Names a fault of one lane that lasts. */
  laneError: (lane: string) => ErrorCode | null = () => null;
  lanesPerTopic = 2;
  /** Messages in each lane. */
  readonly #counts = new Map<string, number>();
  readonly #clock: VirtualClock;
  readonly #states = new Map<string, LaneState>();
  /** Of the others without a state it knows that nothing ever came. */
  readonly #forgotten = new Set<string>();
  #process = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** The driver of the process that runs now. */
  get driver(): DestinationDriver {
    const process = this.#process;
    return {
      type: "numbered",
      summary: "Refuses what it has",
      options: z.unknown(),
      promises: { ordered: true, deduplicates: true, lanes: 1 },
      open: async (_options, { memory }) => {
        if (memory === undefined) throw new Error("it needs a memory");
        return this.#connect(memory, process);
      },
    };
  }

  /** The sending process is killed; what it had sent may still arrive. */
  cut(): void {
    this.#process += 1;
  }

  /** Forgets what it knows of all lanes, as a broker does that lost its disk. */
  forget(): void {
    for (const lane of this.#states.keys()) this.#forget(lane);
  }

  #forget(lane: string): void {
    this.#states.delete(lane);
    this.#forgotten.add(lane);
  }

  #connect(memory: DestinationMemory, process: number): NumberedConnection {
    const busy = new Set<string>();
    return {
      lane: (message) => this.#lane(memory, message),
      recover: async (lane, last) => {
        const answer = this.#recover(memory, lane, last);
        const delayMs = this.questionDelaysMs.shift() ?? 0;
        if (delayMs > 0) await new Promise<void>((resolve) => void this.#clock.after(delayMs, resolve));
        return answer;
      },
      renumber: async (lane, number, _position) => {
        const { epoch } = laneRecord(memory, lane);
        await memory.set(`lane/${lane}`, { epoch: epoch + 1, base: number });
      },
      send: async (batch) => {
        if (process !== this.#process) return new Promise(() => {});
        if (busy.has(batch.lane)) this.violations.push(`two sends of lane ${batch.lane} at a time`);
        busy.add(batch.lane);
        try {
          return await this.#send(memory, batch);
        } finally {
          busy.delete(batch.lane);
        }
      },
      sendOnce: async (messages) => {
        this.arrivedOnce.push(...messages);
        return messages.map(() => null);
      },
      check: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  }

  #lane(memory: DestinationMemory, message: OutgoingMessage): string | Promise<string> {
    const name = `${message.topic}/${laneOfKey(message.key, this.lanesPerTopic)}`;
    if (memory.get(`topic/${message.topic}`) !== undefined) return name;
    return (async () => {
      const error = this.topicError(message.topic);
      if (error !== null) throw error;
      await memory.set(`topic/${message.topic}`, true);
      return name;
    })();
  }

  #recover(memory: DestinationMemory, lane: string, last: LanePosition): LaneRecovery {
    if (this.questionFailures.shift() === true) throw new SidestreamError("SST_DESTINATION_UNREACHABLE", "scripted");
    const state = this.#states.get(lane);
    const { epoch, base } = laneRecord(memory, lane);
    if (state === undefined && !this.#forgotten.has(lane)) return { number: base, position: null };
    // Read back from there: nothing came since.
    const end = `end ${this.#counts.get(lane) ?? 0}`;
    if (state === undefined) return { number: last.position === end ? last.number : null, position: end };
    if (state.epoch === epoch) return { number: state.next, position: `at ${state.next}` };
    // Nothing came under the new numbers yet. The cursor may be from before them: all below the first of them was here.
    return { number: base, position: last.position };
  }

  #send(memory: DestinationMemory, { lane, firstNumber, messages }: NumberedBatch): Promise<NumberedReceipt> | NumberedReceipt {
    const { epoch, base } = laneRecord(memory, lane);
    const refusedAt = messages.findIndex((message) => this.isRefused(message));
    const sent = refusedAt === -1 ? messages : messages.slice(0, refusedAt);
    const append = (): boolean => sent.length === 0 || this.#append(lane, epoch, base, firstNumber, sent);
    const all = (code: ErrorCode): NumberedReceipt => ({
      outcomes: messages.map(() => new SidestreamError(code, "scripted")),
      position: null,
    });
    const lasting = this.laneError(lane);
    if (lasting !== null) return all(lasting);
    const fault = this.faults.shift() ?? "none";
    if (fault === "busy") return all("SST_DESTINATION_BUSY");
    if (fault === "unreachable") return all("SST_DESTINATION_UNREACHABLE");
    if (fault === "split" && messages.length > 1) return all("SST_BATCH_REFUSED");
    if (fault === "lost-before") return all("SST_DESTINATION_UNSURE");
    if (fault === "late" || fault === "hang") this.#clock.after(LATE_MS, () => append());
    if (fault === "late") return all("SST_DESTINATION_UNSURE");
    if (fault === "hang") return new Promise(() => {});
    if (fault === "forget" || fault === "forgotten-before") this.#forget(lane);
    if (fault === "forgotten-before") return all("SST_DESTINATION_UNSURE");
    if (!append()) return all("SST_NUMBERS_REFUSED");
    if (fault === "forgotten-after") this.#forget(lane);
    if (fault === "lost-after" || fault === "forgotten-after") return all("SST_DESTINATION_UNSURE");
    const outcomes = messages.map((_, at) => {
      if (at < sent.length) return null;
      return new SidestreamError(at === sent.length ? "SST_DESTINATION_REFUSED" : "SST_BATCH_REFUSED", "scripted");
    });
    return { outcomes, position: sent.length === 0 ? null : `at ${firstNumber + sent.length}` };
  }

  /** By Kafka's rules. False: the numbers are not what is expected. */
  #append(lane: string, epoch: number, base: number, first: number, messages: readonly OutgoingMessage[]): boolean {
    const state = this.#states.get(lane);
    const end = first + messages.length;
    if (state === undefined) {
      this.#states.set(lane, { epoch, next: end, batches: [{ first, end }] });
    } else if (epoch > state.epoch) {
      if (first !== base) return false;
      this.#states.set(lane, { epoch, next: end, batches: [{ first, end }] });
    } else if (epoch < state.epoch) {
      return false;
    } else if (state.batches.some((batch) => batch.first === first && batch.end === end)) {
      return true;
    } else if (first !== state.next) {
      return false;
    } else {
      state.next = end;
      state.batches.push({ first, end });
      if (state.batches.length > BATCHES_KNOWN) state.batches.shift();
    }
    this.arrived.push(...messages);
    this.#counts.set(lane, (this.#counts.get(lane) ?? 0) + messages.length);
    return true;
  }
}

function laneRecord(memory: DestinationMemory, lane: string): { readonly epoch: number; readonly base: number } {
  return (memory.get(`lane/${lane}`) as { epoch: number; base: number } | undefined) ?? { epoch: 0, base: 0 };
}
