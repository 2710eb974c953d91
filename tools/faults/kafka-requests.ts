/**
 * Tells which Kafka requests pass over a connection, from the first bytes of each: never from what they carry.
 *
 * Promise: bytes are counted, not kept. What isn't Kafka's protocol, TLS for one, is noticed and no longer looked at.
 */

/** The requests that faults are aimed at, by Kafka's number of each. */
export const API = { produce: 0, fetch: 1, listOffsets: 2, metadata: 3, initProducerId: 22, describeProducers: 61 } as const;
export type ApiName = keyof typeof API;

/**
 * How far a request is: it has begun to come in and nothing of it was passed on; all of it was passed on to the broker;
 * the broker's answer has begun to come in; all of the answer was passed on.
 */
export type RequestState = "arrived" | "forwarded" | "answering" | "answered";

export interface KafkaRequest {
  readonly state: RequestState;
  readonly apiKey: number;
  /** Of the client's own choice; the answer carries it too. */
  readonly correlationId: number;
  /** Of the whole request, with its length. */
  readonly bytes: number;
}

/** A frame begins with its length, which doesn't count itself. */
const LENGTH_BYTES = 4;
/** What is looked at of a request: length, API, version, correlation id. */
const REQUEST_HEAD_BYTES = 12;
/** And of an answer: length, correlation id. */
const ANSWER_HEAD_BYTES = 8;
/** A broker's own bound is 100 MiB unless it is told otherwise: more is no frame. */
const FRAME_BYTES_MAX = 1024 * 1024 * 1024;
/** A client that never gets an answer, or wants none, asks no more than this at a time. */
const UNANSWERED_MAX = 10_000;

interface Frame {
  readonly head: Buffer;
  readonly bytes: number;
}

/** Cuts a stream into frames; tells of each when its head is there and when its last byte has passed. */
class Frames {
  readonly #head: Buffer;
  readonly #passed: (frame: Frame) => void;
  #headBytes = 0;
  #left = 0;
  #bytes = 0;
  #isLost = false;

  constructor(headBytes: number, passed: (frame: Frame) => void) {
    this.#head = Buffer.alloc(headBytes);
    this.#passed = passed;
  }

  look(chunk: Buffer, begun: (frame: Frame) => void): void {
    for (let at = 0; at < chunk.length && !this.#isLost;) {
      if (this.#headBytes < this.#head.length) {
        const taken = Math.min(this.#head.length - this.#headBytes, chunk.length - at);
        chunk.copy(this.#head, this.#headBytes, at, at + taken);
        this.#headBytes += taken;
        at += taken;
        if (this.#headBytes === this.#head.length) this.#begin(begun);
      } else {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
      }
      if (!this.#isLost && this.#headBytes === this.#head.length && this.#left === 0) this.#end();
    }
  }

  #begin(begun: (frame: Frame) => void): void {
    const length = this.#head.readInt32BE(0);
    this.#bytes = length + LENGTH_BYTES;
    this.#left = this.#bytes - this.#head.length;
    this.#isLost = this.#left < 0 || length > FRAME_BYTES_MAX;
    if (!this.#isLost) begun({ head: this.#head, bytes: this.#bytes });
  }

  #end(): void {
    this.#headBytes = 0;
    this.#passed({ head: this.#head, bytes: this.#bytes });
  }
}

/** The requests of one connection. Both ways see the bytes twice: when they come in, and when they were passed on. */
export class KafkaRequests {
  readonly #observe: (request: KafkaRequest) => void;
  readonly #unanswered = new Map<number, KafkaRequest>();
  readonly #arriving: Frames;
  readonly #forwarding: Frames;
  readonly #answering: Frames;
  readonly #answered: Frames;

  constructor(observe: (request: KafkaRequest) => void) {
    this.#observe = observe;
    this.#arriving = new Frames(REQUEST_HEAD_BYTES, () => undefined);
    this.#forwarding = new Frames(REQUEST_HEAD_BYTES, (frame) => this.#forward(frame));
    this.#answering = new Frames(ANSWER_HEAD_BYTES, () => undefined);
    this.#answered = new Frames(ANSWER_HEAD_BYTES, (frame) => this.#answer(frame));
  }

  /** Bytes that came from the client. */
  arrived(chunk: Buffer): void {
    this.#arriving.look(chunk, (frame) => this.#observe(requestOf(frame, "arrived")));
  }

  /** Bytes that were passed on to the broker. */
  forwarded(chunk: Buffer): void {
    this.#forwarding.look(chunk, () => undefined);
  }

  /** Bytes that came from the broker. */
  answering(chunk: Buffer): void {
    this.#answering.look(chunk, ({ head }) => this.#tell(head, "answering"));
  }

  /** Bytes that were passed on to the client. */
  answered(chunk: Buffer): void {
    this.#answered.look(chunk, () => undefined);
  }

  #forward(frame: Frame): void {
    const request = requestOf(frame, "forwarded");
    this.#unanswered.set(request.correlationId, request);
    const oldest = this.#unanswered.keys().next();
    if (this.#unanswered.size > UNANSWERED_MAX && oldest.done !== true) this.#unanswered.delete(oldest.value);
    this.#observe(request);
  }

  #answer({ head }: Frame): void {
    this.#tell(head, "answered");
    this.#unanswered.delete(head.readInt32BE(LENGTH_BYTES));
  }

  #tell(head: Buffer, state: RequestState): void {
    const request = this.#unanswered.get(head.readInt32BE(LENGTH_BYTES));
    if (request !== undefined) this.#observe({ ...request, state });
  }
}

function requestOf({ head, bytes }: Frame, state: RequestState): KafkaRequest {
  return { state, apiKey: head.readInt16BE(4), correlationId: head.readInt32BE(8), bytes };
}
