/**
 * The lanes of one destination, and the way of a message to its lane.
 *
 * Promise: messages of a lane are handed over in the log's order. A lane that is stuck, or a topic that has no lanes yet,
 * leaves its messages in the log and delays no other; once it gets on, the reader goes back for them.
 */
import { isNumbered, type DestinationPromises, type NumberedConnection } from "../../driver/destination.ts";
import type { SidestreamError } from "../../errors.ts";
import type { SpooledMessage } from "../spool/spooled.ts";
import { Behind } from "./behind.ts";
import type { OpenConnection } from "./connection-keeper.ts";
import { laneOfKey } from "./lane-of-key.ts";
import type { LaneHandle, LaneHost } from "./lane-host.ts";
import { keepLaneDoubt, laneDoubt } from "./in-doubt.ts";
import { Lane, messageBytes } from "./lane.ts";
import { Numbering } from "./numbering.ts";
import { Placements, type RefusedTopic } from "./placements.ts";
import { Rate } from "./rate.ts";
import type { Window } from "./window.ts";

/** What became of a message that was read. */
export type Verdict =
  /** Its lane has it, or it is dead. */
  | "taken"
  /** There is no room now. */
  | "wait"
  /** It stays in the log; the reader is told when to go back for it. */
  | "left";

/** Done messages above the low-water mark are kept as ranges, written with each cursor: beyond so many, reading waits. */
export const SCATTERED_MAX = 16_384;

/** Going back mostly fills what is open at the low end, and may go on for longer. */
const LEFT_SCATTERED_MAX = 4 * SCATTERED_MAX;

/** What the lanes need of their dispatcher. */
export interface LanesHost extends Omit<LaneHost, "troubled"> {
  readonly window: Window;
  /** It never had a lane. */
  unplaceable(message: SpooledMessage, error: SidestreamError): void;
  /** An earlier process set it aside already, for this code. */
  skipped(lane: LaneHandle, message: SpooledMessage, code: string): void;
  /** Somebody decided that it isn't sent again, since it may have arrived. */
  leftOut(lane: LaneHandle, message: SpooledMessage): void;
  /** The reader may go on, or go back. */
  wake(): void;
}

export interface LanesSettings {
  readonly promises: DestinationPromises;
  readonly inFlightMax: number;
  /** Messages per second at most; null for no bound. */
  readonly maxRate: number | null;
}

export class Lanes {
  readonly behind = new Behind();
  readonly #host: LanesHost & LaneHost;
  readonly #settings: LanesSettings;
  readonly #laneMessagesMax: number;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes that got messages which nobody told them to send. */
  readonly #filled = new Set<Lane>();
  readonly #troubled = new Set<LaneHandle>();
  readonly #placements: Placements;
  readonly #rate: Rate;
  #cancelRate: (() => void) | null = null;

  constructor(settings: LanesSettings, host: LanesHost) {
    const { promises, inFlightMax, maxRate } = settings;
    this.#settings = settings;
    this.#host = {
      ...host,
      stepAside: (lane, first, others) => {
        this.#leave(lane, others);
        host.stepAside(lane, first, others);
      },
      returned: (lane) => this.#revived(laneGroup(lane.name)),
      troubled: (lane, isTroubled) => {
        if (isTroubled) this.#troubled.add(lane);
        else this.#troubled.delete(lane);
      },
    };
    const isSingle = !promises.deduplicates && promises.lanes <= 1;
    // A lane that is slow may fill half of the window, no more, so that the others go on.
    this.#laneMessagesMax = isSingle ? inFlightMax : Math.max(1, Math.floor(inFlightMax / 2));
    this.#rate = new Rate(host.clock, maxRate ?? Infinity);
    this.#placements = new Placements({
      clock: host.clock,
      random: host.random,
      connection: () => numbered(host.connection()),
      placed: (topic) => {
        this.#revived(topicGroup(topic));
        host.wake();
      },
      failed: (error) => {
        host.failed(error);
        host.progressed();
      },
      wake: () => host.wake(),
    });
  }

  get all(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  /** Lanes that fail; empty while all is well. */
  get troubled(): ReadonlySet<LaneHandle> {
    return this.#troubled;
  }

  /** Some lane fails, or some topic has no lanes. */
  get isTroubled(): boolean {
    return this.#troubled.size > 0 || this.#placements.refused.length > 0;
  }

  /** Some lane or topic failed for longer than a blip takes. */
  get isStuck(): boolean {
    return this.all.some(({ stuck }) => stuck) || this.#placements.refused.some(({ stuck }) => stuck);
  }

  /** Topics that have no lanes, and why. */
  get unplaced(): readonly RefusedTopic[] {
    return this.#placements.refused;
  }

  /** Sends what was handed over since the last call. */
  pump(): void {
    for (const lane of this.#filled) lane.pump();
    this.#filled.clear();
  }

  /** Sending is possible again. */
  resume(): void {
    this.#placements.connected();
    for (const lane of this.#lanes.values()) lane.pump();
  }

  stop(): void {
    this.#cancelRate?.();
    this.#placements.stop();
    for (const lane of this.#lanes.values()) lane.stop();
  }

  /** Reading on would only scatter more: what was left must get on first. */
  get isScattered(): boolean {
    return this.behind.size > 0 && this.#host.log.scattered >= SCATTERED_MAX;
  }

  /** Takes a message that is read for the first time. */
  admit(message: SpooledMessage): Verdict {
    const { topic, logSequence, acceptedMs } = message;
    if (this.behind.size > 0) {
      if (this.isScattered) return "wait";
      if (this.behind.has(topicGroup(topic))) return "left";
    }
    const lane = this.#place(message, this.behind.size === 0);
    if (lane === "left") this.behind.leave(topicGroup(topic), logSequence, acceptedMs);
    if (!(lane instanceof Lane)) return lane;
    return this.behind.has(laneGroup(lane.name)) ? "left" : this.#hand(lane, message);
  }

  /** Takes a message that was passed before, if the reader went back for it. */
  admitLeft(message: SpooledMessage): Verdict {
    const { topic, logSequence, acceptedMs } = message;
    // Handed over, and not confirmed yet.
    if (this.#host.window.holds(logSequence)) return "left";
    if (this.#host.log.scattered >= LEFT_SCATTERED_MAX) return "wait";
    const topicName = topicGroup(topic);
    const dueByTopic = this.behind.isDue(topicName, logSequence);
    const topicBehind = this.behind.get(topicName);
    if (!dueByTopic && topicBehind?.revived === false) {
      // Its lane can't be told now. Below where the topic was left it may be due by its lane: nothing may pass it.
      return logSequence < topicBehind.fromSequence ? "wait" : "left";
    }
    const lane = this.#place(message, false);
    if (lane === "wait") return "wait";
    if (lane === "left" && dueByTopic) this.behind.leave(topicName, logSequence, acceptedMs);
    if (lane === "left") return "left";
    const verdict = lane === "taken" ? lane : this.#handLeft(lane, message, dueByTopic);
    if (dueByTopic && verdict !== "wait") this.behind.passed(topicName, logSequence, acceptedMs);
    return verdict;
  }

  #handLeft(lane: Lane, message: SpooledMessage, dueByTopic: boolean): Verdict {
    const group = laneGroup(lane.name);
    const dueByLane = this.behind.isDue(group, message.logSequence);
    // Neither: it was handed over before. By the topic alone, behind an earlier one of its lane: it stays with the lane.
    const left = this.behind.get(group);
    if (!dueByLane && (!dueByTopic || (left !== undefined && left.fromSequence <= message.logSequence))) return "left";
    const verdict = this.#hand(lane, message);
    if (dueByLane && verdict === "taken") this.behind.passed(group, message.logSequence, message.acceptedMs);
    return verdict;
  }

  #place(message: SpooledMessage, mayWait: boolean): Lane | Verdict {
    const opened = this.#host.connection();
    if (!this.#settings.promises.deduplicates) return this.#lane(String(laneOfKey(message.key, this.#settings.promises.lanes)));
    const connection = numbered(opened);
    if (connection === null) return "wait";
    const place = this.#placements.place(connection, message);
    if (place.kind === "lane") return this.#lane(place.name);
    if (place.kind === "soon" && mayWait) return "wait";
    if (place.kind !== "dead") return "left";
    const bytes = messageBytes(message);
    if (!this.#host.window.hasRoom(bytes)) return "wait";
    this.#host.window.take(message.logSequence, bytes);
    this.#host.unplaceable(message, place.error);
    return "taken";
  }

  #hand(lane: Lane, message: SpooledMessage): Verdict {
    const { window, log } = this.#host;
    const code = lane.position === null ? null : log.skipCode(message.logSequence);
    const bytes = messageBytes(message);
    if (message.logSequence <= lane.skipThrough) {
      if (!window.hasRoom(bytes)) return "wait";
      window.take(message.logSequence, bytes);
      this.#host.leftOut(lane, message);
      return "taken";
    }
    if (code !== null && window.hasRoom(bytes)) {
      window.take(message.logSequence, bytes);
      this.#host.skipped(lane, message, code);
      return "taken";
    }
    if (code === null && lane.isAside && !lane.wantsOne) {
      this.#leave(lane, [message]);
      return "left";
    }
    if (code !== null || lane.messageCount >= this.#laneMessagesMax || !window.hasRoom(bytes) || !this.#isDue()) return "wait";
    window.take(message.logSequence, bytes);
    lane.push(message);
    this.#filled.add(lane);
    return "taken";
  }

  #lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const { log } = this.#host;
      const numbering = this.#settings.promises.deduplicates ? new Numbering(name, log) : null;
      this.#lanes.set(name, (lane = new Lane(name, this.#host, numbering)));
      const doubt = laneDoubt(log, name);
      // All that was to be left out is; forgetting it is tried again with the next start.
      if (doubt !== null && doubt.doubtful === null && doubt.left < log.confirmedSequence)
        void keepLaneDoubt(log, name, null).catch(() => undefined);
    }
    return lane;
  }

  /** By the rate. */
  #isDue(): boolean {
    if (this.#cancelRate !== null) return false;
    const waitMs = this.#rate.take();
    if (waitMs === 0) return true;
    this.#cancelRate = this.#host.clock.after(waitMs, () => {
      this.#cancelRate = null;
      this.#host.wake();
    });
    return false;
  }

  #leave(lane: LaneHandle, messages: readonly SpooledMessage[]): void {
    const [first] = messages;
    if (first !== undefined) this.behind.leave(laneGroup(lane.name), first.logSequence, first.acceptedMs);
  }

  #revived(group: string): void {
    if (this.behind.revive(group)) this.#host.wake();
  }
}

function laneGroup(lane: string): string {
  return `lane ${lane}`;
}

function topicGroup(topic: string): string {
  return `topic ${topic}`;
}

function numbered(opened: OpenConnection | null): NumberedConnection | null {
  return opened !== null && isNumbered(opened.connection) ? opened.connection : null;
}
