/**
 * Asks a numbered connection for the lane of each message, and waits where it can't tell at once: a topic that nobody
 * met before, that is missing, or that may not be written to.
 *
 * Promise: one question at a time per topic; a topic that has no lane yet delays no other.
 */
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import type { NumberedConnection, OutgoingMessage } from "../../driver/destination.ts";
import type { SpooledMessage } from "../spool/spooled.ts";
import { backOffMs } from "./back-off.ts";
import type { Clock } from "./clock.ts";
import { STUCK_FAILURE_COUNT } from "./lane.ts";
import { retryOf } from "./settlement.ts";

/** A destination tells an unknown topic's lanes in milliseconds; so long the reader waits rather than leave it behind. */
export const PLACE_WAIT_MS = 250;
const NO_VALUE = Buffer.alloc(0);

export type Place =
  | { readonly kind: "lane"; readonly name: string }
  /** An answer is due in a moment. */
  | { readonly kind: "soon" }
  /** Its topic is told when it has lanes. */
  | { readonly kind: "later" }
  /** It can never have a lane. */
  | { readonly kind: "dead"; readonly error: SidestreamError };

export interface RefusedTopic {
  readonly topic: string;
  readonly error: SidestreamError;
  /** It was asked more often than a blip takes. */
  readonly stuck: boolean;
}

export interface PlacementsHost {
  readonly clock: Clock;
  readonly random: () => number;
  /** Null while there is no connection: `connected` tells when there is. */
  connection(): NumberedConnection | null;
  /** The topic's messages may be asked for again. */
  placed(topic: string): void;
  failed(error: SidestreamError): void;
  /** Whoever waits for an answer may look again. */
  wake(): void;
}

interface Question {
  readonly message: OutgoingMessage;
  pending: boolean;
  expired: boolean;
  failureCount: number;
  error: SidestreamError | null;
  cancelTimer: () => void;
}

export class Placements {
  readonly #host: PlacementsHost;
  readonly #questions = new Map<string, Question>();

  constructor(host: PlacementsHost) {
    this.#host = host;
  }

  /** Topics whose lanes the destination refuses to tell, and why. */
  get refused(): readonly RefusedTopic[] {
    return [...this.#questions].flatMap(([topic, { error, failureCount }]) =>
      error === null ? [] : [{ topic, error, stuck: failureCount >= STUCK_FAILURE_COUNT }],
    );
  }

  place(connection: NumberedConnection, message: SpooledMessage): Place {
    const asked = this.#questions.get(message.topic);
    if (asked !== undefined) return this.#answer(asked, message);
    const outgoing = { ...message, value: NO_VALUE, sequence: message.logSequence };
    try {
      const lane = connection.lane(outgoing);
      if (typeof lane === "string") return { kind: "lane", name: lane };
      const question: Question = { message: outgoing, pending: true, expired: false, failureCount: 0, error: null, cancelTimer: () => {} };
      this.#questions.set(message.topic, question);
      question.cancelTimer = this.#host.clock.after(PLACE_WAIT_MS, () => {
        question.expired = true;
        this.#host.placed(message.topic);
      });
      this.#await(question, lane);
      return { kind: "soon" };
    } catch (thrown) {
      const error = asError(thrown);
      if (retryOf(error) === "never") return { kind: "dead", error };
      const question: Question = { message: outgoing, pending: false, expired: true, failureCount: 0, error: null, cancelTimer: () => {} };
      this.#questions.set(message.topic, question);
      this.#refused(question, error);
      return { kind: "later" };
    }
  }

  /** There is a connection again: what failed for want of one is asked at once. */
  connected(): void {
    for (const question of this.#questions.values()) {
      if (question.pending || question.error === null || retryOf(question.error) === "never") continue;
      question.cancelTimer();
      this.#ask(question);
    }
  }

  stop(): void {
    for (const question of this.#questions.values()) question.cancelTimer();
    this.#questions.clear();
  }

  #answer(question: Question, message: SpooledMessage): Place {
    const { error } = question;
    if (error !== null && retryOf(error) === "never") {
      // It was said of one message; the next of its topic is asked for itself.
      if (message.logSequence !== question.message.sequence) return { kind: "later" };
      this.#questions.delete(message.topic);
      return { kind: "dead", error };
    }
    return question.pending && !question.expired ? { kind: "soon" } : { kind: "later" };
  }

  #await(question: Question, lane: Promise<string>): void {
    const { topic } = question.message;
    lane.then(
      () => {
        if (this.#questions.get(topic) !== question) return;
        question.cancelTimer();
        this.#questions.delete(topic);
        this.#host.placed(topic);
      },
      (thrown: unknown) => {
        if (this.#questions.get(topic) !== question) return;
        question.cancelTimer();
        question.pending = false;
        const error = asError(thrown);
        this.#refused(question, error);
        // It is read again only to be set aside; else once it has lanes.
        if (retryOf(error) === "never") this.#host.placed(topic);
        else this.#host.wake();
      },
    );
  }

  #refused(question: Question, error: SidestreamError): void {
    question.error = error;
    this.#host.failed(error);
    if (retryOf(error) === "never") return;
    question.failureCount += 1;
    this.#askLater(question);
  }

  #askLater(question: Question): void {
    question.cancelTimer = this.#host.clock.after(backOffMs(question.failureCount, this.#host.random()), () => this.#ask(question));
  }

  #ask(question: Question): void {
    const connection = this.#host.connection();
    if (connection === null) return this.#askLater(question);
    question.pending = true;
    question.cancelTimer = () => {};
    // A throw becomes a rejection: the topic was left behind already, so that nobody waits for an answer at once.
    this.#await(question, (async () => connection.lane(question.message))());
  }
}

function asError(thrown: unknown): SidestreamError {
  if (isSidestreamError(thrown)) return thrown;
  return new SidestreamError("SST_DESTINATION_UNSURE", "the driver could not tell a message's lane", { cause: thrown });
}
