/** What lanes need of their dispatcher, and what they count for it. */
import type { LanePosition } from "../../driver/destination.ts";
import type { SidestreamError } from "../../errors.ts";
import type { MessageLog, SpooledMessage } from "../spool/spooled.ts";
import type { Clock } from "./clock.ts";
import type { OpenConnection } from "./connection-keeper.ts";
import type { Delivered, LaneAsked, LaneNotice } from "./lane-sender.ts";
import type { Refusal } from "./settlement.ts";

/** Counts since the start, plain numbers for whoever scrapes them. */
export interface TransmitCounters {
  /** Messages that the destination acknowledged. */
  sent: number;
  /** Messages handed to the driver once more. */
  retried: number;
  /** Messages set aside. */
  dead: number;
  /** Batches whose driver threw, hung or answered wrongly. */
  misbehaved: number;
  /** Calls of `send`, and the milliseconds they took together. */
  sends: number;
  sendMs: number;
}

/** A lane as its dispatcher sees it. */
export interface LaneHandle {
  readonly name: string;
  /** Where it stands; null where it isn't numbered. */
  readonly position: LanePosition | null;
}

/** What a lane needs of its dispatcher. */
export interface LaneHost {
  readonly log: MessageLog;
  readonly clock: Clock;
  readonly random: () => number;
  readonly counters: TransmitCounters;
  /** Null while nothing may be sent. */
  connection(): OpenConnection | null;
  /** Everything in the log below it is settled; what the log gave up needs no sending. */
  confirmedSequence(): number;
  lose(opened: OpenConnection): void;
  delivered(lane: LaneHandle, messages: readonly Delivered[]): void;
  /** Settles once all are on disk, or the dispatcher stops. */
  setAside(lane: LaneHandle, refusals: readonly Refusal[]): Promise<void>;
  givenUp(message: SpooledMessage): void;
  failed(error: SidestreamError): void;
  readonly notice: LaneNotice;
  readonly asked: (told: LaneAsked) => void;
  /** The lane can't get on: the first message stays with it, the others go back to the log. */
  stepAside(lane: LaneHandle, first: SpooledMessage, others: readonly SpooledMessage[]): void;
  /** It begins to fail, or gets on again. */
  troubled(lane: LaneHandle, isTroubled: boolean): void;
  /** The lane that stepped aside gets on. */
  returned(lane: LaneHandle): void;
  /** A batch was settled or a wait ended. */
  progressed(): void;
}
