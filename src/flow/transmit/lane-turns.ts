/**
 * Lets two senders use one plain connection: what the log has, and what is sent from memory.
 *
 * Promise: to the driver there is one send at a time per lane, as its interface says. Sends of a lane take turns in the
 * order in which they were asked for. Each side asks for one at a time, so that they alternate while both have something,
 * and neither waits for more than one batch of the other.
 */
import {
  isNumbered,
  type DestinationConnection,
  type DestinationDriver,
  type OutgoingMessage,
  type PlainConnection,
  type SendOutcome,
} from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import { laneOfKey } from "./lane-of-key.ts";

/** The driver, with connections that two may use. Numbered ones may be used so as they are. */
export function inTurns(driver: DestinationDriver): DestinationDriver {
  const { lanes, deduplicates } = driver.promises;
  if (deduplicates) return driver;
  return { ...driver, open: async (options, context) => sharedConnection(await driver.open(options, context), lanes) };
}

function sharedConnection(connection: DestinationConnection, laneCount: number): DestinationConnection {
  if (isNumbered(connection)) return connection;
  const turns = new Map<number, Promise<unknown>>();
  const shared: PlainConnection = {
    async send(batch, signal) {
      const lane = laneOfKey(batch[0]?.key ?? "", laneCount);
      const before = turns.get(lane);
      const turn = before === undefined ? connection.send(batch, signal) : inTurn(connection, before, batch, signal);
      // One that was told to stop before its turn came leaves those before it under way.
      const ended = Promise.allSettled([before, turn]);
      turns.set(lane, ended);
      void ended.then(() => turns.get(lane) === ended && turns.delete(lane)); // It never rejects.
      return turn;
    },
    check: (signal, topics) => connection.check(signal, topics),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
  return shared;
}

async function inTurn(
  connection: PlainConnection,
  before: Promise<unknown>,
  batch: readonly OutgoingMessage[],
  signal: AbortSignal,
): Promise<readonly SendOutcome[]> {
  const aborted = Promise.withResolvers<void>();
  const onAbort = (): void => aborted.resolve();
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.race([before, aborted.promise]);
  signal.removeEventListener("abort", onAbort);
  if (!signal.aborted) return connection.send(batch, signal);
  const error = new SidestreamError(
    "SST_DESTINATION_UNSURE",
    "told to stop before anything was sent: another send of the lane is under way",
  );
  return batch.map(() => error);
}
