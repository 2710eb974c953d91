/** How a lane's batches reach the destination: as they come, or numbered. */
import type { LanePosition, OutgoingMessage, PlainConnection } from "../../driver/destination.ts";
import type { SidestreamError } from "../../errors.ts";
import type { SpooledMessage } from "../spool/spooled.ts";
import type { OpenConnection } from "./connection-keeper.ts";
import type { Ending } from "./patience.ts";
import { sendResult, type SendResult } from "./sending.ts";

/** Calls the driver, within bounds, and ends the connection when the driver never settles. */
export type CallDriver = (opened: OpenConnection, call: (signal: AbortSignal) => Promise<unknown>) => Promise<Ending<unknown>>;

/** Something of a lane that an operator should know; of many lanes with the same, only some are told. */
export type LaneNotice = (kind: "forgotten" | "lost" | "damaged", text: string) => void;

/** A lane whose destination was asked what it has. */
export interface LaneAsked {
  readonly lane: string;
  /** Messages at hand that may have been sent. */
  readonly inDoubt: number;
  /** It knows the lane's numbers, forgot them, or lost what it had acknowledged. */
  readonly found: "known" | "forgotten" | "lost";
  /** Of what was not confirmed, so many messages are there. */
  readonly had: number;
  /** It had forgotten the numbers, and what it holds was looked through. */
  readonly readBack: boolean;
}

/** A message at the destination, and where its numbered lane stands with it. */
export interface Delivered {
  readonly message: SpooledMessage;
  readonly position: LanePosition | null;
}

/** What was done before a send. */
export interface Prepared {
  /** These, from the head on, are at the destination already. */
  readonly delivered: readonly Delivered[];
  /** Why nothing may be sent now. */
  readonly failure: SidestreamError | null;
}

export interface LaneSender {
  /** Where the lane stands; null where it isn't numbered. */
  readonly position: LanePosition | null;
  /** Makes sure of what the destination has. Null when there is nothing to be sure of. */
  prepare(opened: OpenConnection, queue: readonly SpooledMessage[]): Promise<Prepared> | null;
  /** How many of a batch, from its head on, may be sent together. At least one where `prepare` had nothing to do. */
  togetherCount(batch: readonly SpooledMessage[]): number;
  send(opened: OpenConnection, batch: readonly SpooledMessage[]): Promise<SendResult>;
  /** What of a batch is at the destination, in order, from what was sent last. */
  delivered(messages: readonly SpooledMessage[], position: string | null): readonly Delivered[];
  /** The last send left something in doubt. */
  doubt(): void;
}

export class PlainSender implements LaneSender {
  readonly position = null;
  readonly #call: CallDriver;

  constructor(call: CallDriver) {
    this.#call = call;
  }

  prepare(): null {
    return null;
  }

  togetherCount(batch: readonly SpooledMessage[]): number {
    return batch.length;
  }

  async send(opened: OpenConnection, batch: readonly SpooledMessage[]): Promise<SendResult> {
    const connection = opened.connection as PlainConnection;
    const messages = batch.map(outgoing);
    return sendResult(await this.#call(opened, (signal) => connection.send(messages, signal)), batch.length);
  }

  delivered(messages: readonly SpooledMessage[]): readonly Delivered[] {
    return messages.map((message) => ({ message, position: null }));
  }

  doubt(): void {}
}

export function outgoing(message: SpooledMessage): OutgoingMessage {
  return { topic: message.topic, key: message.key, headers: message.headers, value: message.value, sequence: message.logSequence };
}
