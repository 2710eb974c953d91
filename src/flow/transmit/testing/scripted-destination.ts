/** A destination that does what a test tells it to, and notes what the flow does to it. */
import { z } from "zod";
import type { DestinationDriver, OutgoingMessage, PlainConnection, SendOutcome } from "../../../driver/destination.ts";
import { SidestreamError, type ErrorCode } from "../../../errors.ts";

/** Answers one send. What it passes to `arrive` has reached the destination, whatever it then answers. */
export type Answer = (
  batch: readonly OutgoingMessage[],
  arrive: (messages: readonly OutgoingMessage[]) => void,
  signal: AbortSignal,
) => Promise<readonly SendOutcome[]>;

/** Takes everything. */
export const takeAll: Answer = async (batch, arrive) => {
  arrive(batch);
  return batch.map(() => null);
};

/** Takes the first messages, and fails from there on as drivers must. */
export function failFrom(index: number, code: ErrorCode): Answer {
  return async (batch, arrive) => {
    arrive(batch.slice(0, index));
    return batch.map((_, at) => (at < index ? null : new SidestreamError(code, "scripted")));
  };
}

/** Refuses the messages that a test names for good, takes the others. */
export function refuse(refused: (message: OutgoingMessage) => boolean): Answer {
  return async (batch, arrive) => {
    arrive(batch.filter((message) => !refused(message)));
    return batch.map((message) => (refused(message) ? new SidestreamError("SST_DESTINATION_REFUSED", "scripted") : null));
  };
}

export class ScriptedDestination {
  /** Answers for the next sends, in order; when none is left, `otherwise`. */
  readonly script: Answer[] = [];
  otherwise: Answer = takeAll;
  /** Called for each opening; throws to fail it. */
  beforeOpen: (signal: AbortSignal) => Promise<void> = async () => {};
  /** Called at each send, for checks. */
  onSend: () => void = () => {};
  readonly arrived: OutgoingMessage[] = [];
  readonly batches: (readonly OutgoingMessage[])[] = [];
  /** Broken promises of the code under test; thrown here, they would be taken for a failing driver. */
  readonly violations: string[] = [];
  openCount = 0;
  disposeCount = 0;
  readonly #keysUnderWay = new Map<string, object>();
  #cut = false;
  readonly driver: DestinationDriver;

  constructor(lanes = 1) {
    this.driver = {
      type: "scripted",
      summary: "Does what a test tells it to",
      options: z.unknown(),
      promises: { ordered: true, deduplicates: false, lanes },
      open: async (_options, { signal }) => {
        await this.beforeOpen(signal);
        return this.#connect();
      },
    };
  }

  get arrivedSequences(): readonly number[] {
    return this.arrived.map(({ sequence }) => sequence);
  }

  /** The sender's process is killed: what it still sends goes nowhere. */
  cut(): void {
    this.#cut = true;
  }

  #connect(): PlainConnection {
    this.openCount += 1;
    let disposed = false;
    return {
      send: async (batch, signal) => {
        if (disposed) this.violations.push("send after dispose");
        return this.#send(batch, signal);
      },
      check: async () => {},
      [Symbol.asyncDispose]: async () => {
        if (!disposed) this.disposeCount += 1;
        disposed = true;
      },
    };
  }

  async #send(batch: readonly OutgoingMessage[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    this.onSend();
    this.batches.push(batch);
    const send = {};
    for (const { key } of batch) {
      if ((this.#keysUnderWay.get(key) ?? send) !== send) this.violations.push(`two sends of key ${key} at a time`);
      this.#keysUnderWay.set(key, send);
    }
    const release = (): void => {
      for (const { key } of batch) if (this.#keysUnderWay.get(key) === send) this.#keysUnderWay.delete(key);
    };
    // A send that is given up no longer counts as under way.
    signal.addEventListener("abort", release, { once: true });
    const arrive = (messages: readonly OutgoingMessage[]): void => {
      if (!this.#cut) this.arrived.push(...messages);
    };
    try {
      return await (this.script.shift() ?? this.otherwise)(batch, arrive, signal);
    } finally {
      release();
    }
  }
}
