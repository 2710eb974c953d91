/**
 * The flow's part towards a numbered driver, in miniature: numbers and positions of lanes, batches split by lane,
 * recovery before sending, what is refused left out.
 *
 * Promise: it asks of a driver what the flow asks, and no more. Numbers and destination never disagree unnoticed.
 */
import assert from "node:assert/strict";
import { ERRORS, isSidestreamError, SidestreamError } from "../../errors.ts";
import type { LanePosition, LaneRecovery, NumberedConnection, OutgoingMessage, SendOutcome } from "../destination.ts";
import { settles } from "./bounds.ts";

/** The flow's bounds for a batch; a single message may be larger. */
const BATCH_COUNT_MAX = 500;
const BATCH_BYTES_MAX = 1024 * 1024;

/** A lane's part of the log. */
class LaneBook {
  readonly name: string;
  /** The message under each number, as far as sent. Those from `next` on may have arrived or not. */
  readonly sent: OutgoingMessage[] = [];
  readonly numberOf = new Map<OutgoingMessage, number>();
  next = 0;
  position: string | null = null;
  /** The connection on which the destination told what it has; null: it must be asked before the next send. */
  askedOn: NumberedConnection | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get last(): LanePosition {
    return { number: this.next, position: this.position };
  }

  has(message: OutgoingMessage): boolean {
    return (this.numberOf.get(message) ?? this.next) < this.next;
  }

  /** The next message gets the given number; those below it keep theirs. */
  beginAnew(number: number): void {
    for (const message of this.sent.splice(number)) this.numberOf.delete(message);
    this.sent.length = number;
    this.next = number;
  }

  /** Gives the messages the numbers from `next` on, in place of others. */
  attempt(messages: readonly OutgoingMessage[]): void {
    for (const message of this.sent.splice(this.next)) this.numberOf.delete(message);
    for (const message of messages) {
      this.numberOf.set(message, this.sent.length);
      this.sent.push(message);
    }
  }
}

export class NumberedLanes {
  readonly #books = new Map<string, LaneBook>();
  /** Numbers and destination may disagree: the memory was lost. */
  mayDisagree = false;

  /** Where every lane stands, as a cursor on disk would have it. */
  positions(): ReadonlyMap<string, LanePosition> {
    return new Map(Array.from(this.#books.values(), (book) => [book.name, book.last]));
  }

  /** What a process finds that starts with an older cursor: what was acknowledged since is sent again. */
  goBackTo(positions: ReadonlyMap<string, LanePosition>): void {
    for (const book of this.#books.values()) {
      const { number, position } = positions.get(book.name) ?? { number: 0, position: null };
      Object.assign(book, { next: number, position, askedOn: null });
    }
  }

  /** The spool is lost: all lanes begin anew. */
  forget(): void {
    this.#books.clear();
    this.mayDisagree = true;
  }

  /** Sends messages of any lanes, those of different lanes at a time; one outcome per message. */
  async send(connection: NumberedConnection, batch: readonly OutgoingMessage[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    const outcomes = new Map<OutgoingMessage, SendOutcome>();
    const byLane = new Map<string, OutgoingMessage[]>();
    const waiting = new Map<string, SidestreamError>();
    const lanes = await Promise.all(batch.map((message) => laneOf(connection, message, signal)));
    for (const [index, message] of batch.entries()) {
      const lane = waiting.get(message.topic) ?? lanes[index] ?? "";
      if (typeof lane === "string") byLane.set(lane, [...(byLane.get(lane) ?? []), message]);
      else outcomes.set(message, lane);
      // The later messages of a topic wait for this one: they may be of its lane.
      if (typeof lane !== "string" && ERRORS[lane.code].retry !== "never") waiting.set(message.topic, lane);
    }
    await Promise.all([...byLane].map(([lane, messages]) => this.#sendLane(connection, this.#book(lane), messages, signal, outcomes)));
    return batch.map((message) => outcomes.get(message) as SendOutcome);
  }

  /** Asks what the destination has of a lane and goes on from there. */
  async recover(connection: NumberedConnection, lane: string, signal: AbortSignal): Promise<LaneRecovery> {
    const book = this.#book(lane);
    const { last } = book;
    const recovery = await settles(connection.recover(lane, last, signal), signal, "recover");
    const { number, position } = recovery;
    assert(number === null || (Number.isSafeInteger(number) && number >= 0), `recover gave ${number} as the number of the lane ${lane}`);
    assert(position === null || typeof position === "string", "a position is text or null");
    const known = number === null || (number >= last.number && number <= book.sent.length);
    if (known) Object.assign(book, { next: number ?? book.next, position: position ?? book.position });
    else {
      assert(
        this.mayDisagree,
        `the lane ${lane} has acknowledged numbers below ${last.number} and sent numbers below ${book.sent.length}, recover says ${number}`,
      );
      await this.renumber(connection, lane, last.number, signal);
    }
    book.askedOn = connection;
    return recovery;
  }

  /** Begins a lane's numbers anew, its next message having the given one. */
  async renumber(connection: NumberedConnection, lane: string, number: number, signal: AbortSignal): Promise<void> {
    await settles(connection.renumber(lane, number, null, signal), signal, "renumber");
    this.#book(lane).beginAnew(number);
  }

  #book(lane: string): LaneBook {
    const book = this.#books.get(lane) ?? new LaneBook(lane);
    this.#books.set(lane, book);
    return book;
  }

  async #sendLane(
    connection: NumberedConnection,
    book: LaneBook,
    messages: readonly OutgoingMessage[],
    signal: AbortSignal,
    outcomes: Map<OutgoingMessage, SendOutcome>,
  ): Promise<void> {
    if (book.askedOn !== connection) {
      try {
        await this.recover(connection, book.name, signal);
      } catch (error) {
        if (!isSidestreamError(error)) throw error;
        assert(ERRORS[error.code].retry !== "never", "what can't be told now is asked again");
        for (const message of messages) outcomes.set(message, error);
        return;
      }
      const doubtful = book.sent[book.next];
      assert(doubtful === undefined || messages.some((message) => message === doubtful), "what is in doubt is sent before anything else");
    }
    for (const message of messages) if (book.has(message)) outcomes.set(message, null);
    let parts = batchesOf(messages.filter((message) => !book.has(message)));
    while (parts[0] !== undefined) {
      const [part, ...later] = parts;
      const rest = part.length === 0 ? [] : await this.#sendPart(connection, book, part, signal, outcomes);
      if (isSidestreamError(rest)) {
        for (const message of later.flat()) outcomes.set(message, rest);
        return;
      }
      parts = [...rest, ...later];
    }
  }

  /** @returns What is to be sent next of this part, in parts; or why nothing can be now. */
  async #sendPart(
    connection: NumberedConnection,
    book: LaneBook,
    part: readonly OutgoingMessage[],
    signal: AbortSignal,
    outcomes: Map<OutgoingMessage, SendOutcome>,
  ): Promise<OutgoingMessage[][] | SidestreamError> {
    book.attempt(part);
    const sending = connection.send({ lane: book.name, firstNumber: book.next, messages: part }, signal);
    const receipt = await settles(sending, signal, "send");
    assert(receipt.position === null || typeof receipt.position === "string", "a position is text or null");
    assertOutcomes(receipt.outcomes, part.length);
    const failedAt = receipt.outcomes.findIndex((outcome) => outcome !== null);
    const takenCount = failedAt === -1 ? part.length : failedAt;
    assert(
      receipt.outcomes.slice(takenCount).every((outcome) => outcome !== null),
      "behind a message that was not taken none is",
    );
    for (const message of part.slice(0, takenCount)) outcomes.set(message, null);
    book.next += takenCount;
    if (takenCount > 0) book.position = receipt.position ?? book.position;
    const failure = receipt.outcomes[takenCount] ?? null;
    if (failure === null) return [];
    const rest = part.slice(takenCount);
    const { retry } = ERRORS[failure.code];
    if (retry === "never") {
      outcomes.set(rest[0] as OutgoingMessage, failure);
      return [rest.slice(1)];
    }
    if (retry === "split") {
      if (takenCount > 0) return [rest];
      assert(part.length > 1, "a message alone in its batch is answered with what is wrong with it");
      const half = Math.ceil(part.length / 2);
      return [rest.slice(0, half), rest.slice(half)];
    }
    book.askedOn = null;
    for (const [index, message] of rest.entries()) outcomes.set(message, receipt.outcomes[takenCount + index] ?? failure);
    return failure;
  }
}

/** The lane of a message, or why it has none now. */
async function laneOf(connection: NumberedConnection, message: OutgoingMessage, signal: AbortSignal): Promise<string | SidestreamError> {
  try {
    const lane = await settles(Promise.resolve(connection.lane(message)), signal, "lane");
    assert(typeof lane === "string" && lane !== "", "a lane is a text that is not empty");
    return lane;
  } catch (error) {
    if (isSidestreamError(error)) return error;
    throw error;
  }
}

/** Within the flow's bounds for a batch. */
function batchesOf(messages: readonly OutgoingMessage[]): OutgoingMessage[][] {
  const batches: OutgoingMessage[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const batch = batches.at(-1);
    bytes += message.value.length;
    if (batch !== undefined && batch.length < BATCH_COUNT_MAX && bytes <= BATCH_BYTES_MAX) batch.push(message);
    else {
      batches.push([message]);
      bytes = message.value.length;
    }
  }
  return batches;
}

/** One proper outcome per message. */
export function assertOutcomes(outcomes: readonly SendOutcome[], messageCount: number): void {
  assert.equal(outcomes.length, messageCount, "one outcome per message");
  for (const outcome of outcomes) assert(outcome === null || isSidestreamError(outcome), "an outcome is null or a SidestreamError");
}
