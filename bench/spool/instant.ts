/** A destination that takes everything at once: what is left is the cost of reading, lanes and confirmations. */
import { z } from "zod";
import { defineDestination, type DestinationDriver, type OutgoingMessage } from "../../src/driver/destination.ts";
import { Dispatcher } from "../../src/flow/transmit/dispatcher.ts";
import type { OpenSpool } from "./messages.ts";

/** The product's default. */
const IN_FLIGHT_MAX = 1_000;

export function instant(sent: (messages: number) => void): DestinationDriver {
  return defineDestination({
    type: "instant",
    summary: "Acknowledges at once",
    options: z.strictObject({}),
    promises: { ordered: true, deduplicates: false, lanes: 1 },
    open: () =>
      Promise.resolve({
        send: (batch: readonly OutgoingMessage[]) => {
          sent(batch.length);
          return Promise.resolve(batch.map(() => null));
        },
        check: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  });
}

/** @param sent - Told of each send, before it is acknowledged. */
export function dispatchInstantly({ log, deadLetters }: OpenSpool, sent: (messages: number) => void): Dispatcher {
  const driver = instant(sent);
  const dispatcher = new Dispatcher({ log, deadLetters, driver, options: {}, inFlightMax: IN_FLIGHT_MAX });
  dispatcher.start();
  return dispatcher;
}
