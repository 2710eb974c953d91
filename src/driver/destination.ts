/**
 * The interface of a destination driver: the code for one protocol.
 *
 * Promise to drivers: one `send` at a time per lane, in the lane's order, never again after the connection was
 * disposed. Promise of drivers: they never retry, reorder, log per message or count; the flow does, alike for all.
 * They answer for each message of a batch.
 */
import type { z } from "zod";
import type { SidestreamError } from "../errors.ts";

/** A message on its way out. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly key: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly value: Buffer;
  /** Number in the log, rising; the same again when a message is sent again. */
  readonly sequence: number;
}

/** One entry per message of the batch, in order. Null: the destination has it. */
export type SendOutcome = SidestreamError | null;

export interface DestinationConnection {
  /**
   * Sends a batch of one lane, in order.
   *
   * @param batch - Not empty; in the lane's order. The driver doesn't keep it after it settled.
   * @param signal - Aborted when the flow gives up waiting: what is not surely sent is `SST_DESTINATION_UNSURE`.
   * @returns One outcome per message. After the first failure that isn't `retry: "never"`, later messages of the batch
   * must fail too, so that order per lane holds.
   */
  send(batch: readonly OutgoingMessage[], signal: AbortSignal): Promise<readonly SendOutcome[]>;
  /** Proves that the destination can be reached and written to, without writing a message. */
  check(signal: AbortSignal): Promise<void>;
  /** Ends the connection; again is harmless. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a destination can promise; it decides which contract tests apply and which `delivery` a stream may ask. */
export interface DestinationPromises {
  /** Messages of one lane arrive in the order sent. */
  readonly ordered: boolean;
  /** It can refuse what it already has. */
  readonly deduplicates: boolean;
  /** Lanes sent in parallel; keys are spread over them. */
  readonly lanes: number;
}

export interface DestinationContext {
  /** Name in the configuration. */
  readonly name: string;
  /** Aborted when the flow gives up on the opening, or on the connection. */
  readonly signal: AbortSignal;
  /** For the rare thing that an operator should know once, such as a file that was mended. Never once per message. */
  readonly notice?: (text: string) => void;
}

export interface DestinationDriver<Options = unknown> {
  readonly type: string;
  /** One line for lists. */
  readonly summary: string;
  readonly options: z.ZodType<Options>;
  /** Names of options that are paths: in a configuration file they are relative to its folder. */
  readonly paths?: readonly string[];
  readonly promises: DestinationPromises;
  /** @throws SidestreamError with `retry` saying whether to try again. */
  open(options: Options, context: DestinationContext): Promise<DestinationConnection>;
}

/** Defines a driver, its options' type following from the schema. */
export function defineDestination<Schema extends z.ZodType>(
  driver: Omit<DestinationDriver<z.output<Schema>>, "options"> & { readonly options: Schema },
): DestinationDriver<z.output<Schema>> {
  return driver as unknown as DestinationDriver<z.output<Schema>>;
}
