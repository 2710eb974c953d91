/** A dispatcher with the product's Kafka driver on an open log, which tells when all is confirmed on disk. */
import type { DestinationDriver, NumberedConnection } from "../../src/driver/destination.ts";
import { destinationDriver } from "../../src/driver/registry.ts";
import { registerBuiltInDrivers } from "../../src/drivers.ts";
import type { DestinationLog } from "../../src/flow/spool/destination-log.ts";
import type { Confirmation } from "../../src/flow/spool/spooled.ts";
import { Dispatcher } from "../../src/flow/transmit/dispatcher.ts";

/** The longest run takes a minute on a busy machine. */
const DONE_MS_MAX = 10 * 60_000;

export interface DispatchingSettings {
  readonly brokers: readonly string[];
  readonly inFlightMax: number;
  /** Messages that are to be confirmed, from now on. */
  readonly messages: number;
  /** Told of each message that the destination acknowledged, by its number in the log. */
  readonly acknowledged?: (logSequence: number) => void;
  /** Told of each confirmation once it is on disk. */
  readonly confirmed?: (confirmation: Confirmation) => void;
}

export interface Dispatching {
  readonly dispatcher: Dispatcher;
  /** Settles once as many messages were delivered as were to be, and this is on disk. */
  readonly done: Promise<void>;
}

export function dispatch(log: DestinationLog, settings: DispatchingSettings): Dispatching {
  registerBuiltInDrivers();
  const driver = destinationDriver("kafka");
  if (driver === undefined) throw new Error("there is no kafka driver");
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const { brokers, inFlightMax, acknowledged, confirmed } = settings;
  const dispatcher = new Dispatcher({
    log,
    deadLetters: {
      add: (_, code, reason) => {
        reject(new Error(`a message was refused: ${code}: ${reason}`));
        return new Promise(() => {});
      },
    },
    driver: acknowledged === undefined ? driver : listening(driver, acknowledged),
    options: driver.options.parse({ brokers, compression: "none" }),
    inFlightMax,
  });
  let left = settings.messages;
  const confirm = log.confirm.bind(log);
  log.confirm = async (confirmations) => {
    await confirm(confirmations);
    if (confirmed !== undefined) for (const each of confirmations) confirmed(each);
    left -= confirmations.length;
    if (left <= 0) resolve();
  };
  const timeout = setTimeout(() => {
    reject(new Error(`${left} messages are not delivered: ${JSON.stringify(dispatcher.status())}`));
  }, DONE_MS_MAX);
  return { dispatcher, done: done.finally(() => clearTimeout(timeout)) };
}

/** The driver, with somebody who hears its answers first. */
function listening(driver: DestinationDriver, acknowledged: (logSequence: number) => void): DestinationDriver {
  return {
    ...driver,
    async open(options, context): Promise<NumberedConnection> {
      const connection = (await driver.open(options, context)) as NumberedConnection;
      return {
        ...connection,
        async send(batch, signal) {
          const receipt = await connection.send(batch, signal);
          for (const [at, { sequence }] of batch.messages.entries()) if (receipt.outcomes[at] === null) acknowledged(sequence);
          return receipt;
        },
      };
    },
  };
}
