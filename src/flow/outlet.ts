/**
 * One destination as the flow sees it: its log, its dead letters and its dispatcher.
 *
 * Promise: a message that was matched is counted here exactly once, whether it reaches the log or not.
 */
import assert from "node:assert/strict";
import { destinationDriver } from "../driver/registry.ts";
import { isSidestreamError, type ErrorCode } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import type { MessageCounts } from "../observe/conservation.ts";
import type { DestinationState } from "../observe/snapshot.ts";
import { isOnce } from "./deliveries.ts";
import { mergedCounts } from "./merged-counts.ts";
import { messageCounts } from "./message-counts.ts";
import type { Hold } from "./hold.ts";
import { MemoryOutlet } from "./memory-outlet.ts";
import type { Message } from "./message/message.ts";
import { streamOfLabel } from "./message/stream-label.ts";
import type { DestinationDetail } from "./outlet-detail.ts";
import { OutletNotices } from "./outlet-notices.ts";
import { OutletRoom } from "./outlet-room.ts";
import { OutletSending } from "./outlet-sending.ts";
import { isFirst, messageOf, topicOf, type Put } from "./put.ts";
import type { DestinationSettings } from "./settings.ts";
import { stoppedText } from "./stopped-log.ts";
import type { DeadLetterLog } from "./spool/dead-letter-log.ts";
import type { DestinationLog } from "./spool/destination-log.ts";
import type { Spool } from "./spool/spool.ts";
import type { AnnouncedState } from "./transmit/dispatcher-status.ts";
import { Dispatcher } from "./transmit/dispatcher.ts";
import type { LaneAsked } from "./transmit/lane-sender.ts";
import { inTurns } from "./transmit/lane-turns.ts";
import type { SharedConnection } from "./transmit/connection-keeper.ts";

/** Somewhere that was written to and that `flush` makes last. */
export interface Write {
  flush(): Promise<void>;
}

/** What the configuration's rules send to a destination. */
export interface OutletRules {
  readonly once: boolean;
  readonly spooled: boolean;
  /** Distinct topics that it takes from memory. */
  readonly topicsMax: number;
}

export class Outlet {
  readonly name: string;
  readonly dormant: boolean;
  readonly log: DestinationLog;
  readonly sending: OutletSending;
  /** Null where no rule sends to it from memory. */
  readonly memory: MemoryOutlet | null;
  readonly deadLetters: DeadLetterLog;
  /** The destination isn't dormant, and its log had not stopped when it was opened. */
  readonly #runs: boolean;
  readonly #notices: OutletNotices;
  readonly #room: OutletRoom;

  private constructor(
    settings: DestinationSettings,
    log: DestinationLog,
    deadLetters: DeadLetterLog,
    sending: OutletSending,
    memory: MemoryOutlet | null,
    runs: boolean,
    notices: OutletNotices,
    room: OutletRoom,
  ) {
    this.name = settings.name;
    this.dormant = settings.dormant !== null;
    this.log = log;
    this.deadLetters = deadLetters;
    this.sending = sending;
    this.memory = memory;
    this.#runs = runs;
    this.#notices = notices;
    this.#room = room;
  }

  /**
   * Takes the destination's logs and begins to send what they hold.
   *
   * @param rules - Which kinds of rules send to it.
   */
  static open(settings: DestinationSettings, spool: Spool, log: Log, rules: OutletRules, hold: Hold): Outlet {
    const { name, type, options, inFlightMax } = settings;
    const messages = spool.logs.get(name);
    const deadLetters = spool.deadLetters.get(name);
    const own = destinationDriver(type);
    assert(
      messages !== undefined && deadLetters !== undefined && own !== undefined,
      `logs and driver of ${name}, since the configuration was checked`,
    );
    const notices = new OutletNotices(name, log);
    if (messages.stopped !== null) notices.logStopped(messages.stopped, false);
    if (hold.now !== null) notices.held(hold.now);
    const runs = settings.dormant === null && messages.stopped === null;
    const notice = (text: string) => notices.driverSays(text);
    const toldDeadLetters = {
      add: async (...[message, code, reason]: Parameters<DeadLetterLog["add"]>) => {
        await deadLetters.add(message, code, reason);
        notices.dead(streamOfLabel(message.stream), code, reason);
      },
    };
    const asked = (told: LaneAsked): void => log.debug({ destination: name, ...told }, `asked what ${name} has of lane ${told.lane}`);
    const isShared = rules.once && (rules.spooled || messages.confirmedSequence < messages.durableSequence);
    // Half each: so neither takes the other's turns, and both together keep to the rate.
    const maxRate = settings.maxRate !== null && isShared ? settings.maxRate / 2 : settings.maxRate;
    const { topicsMax } = rules;
    const memory = rules.once ? new MemoryOutlet({ name, promises: own.promises, bounds: settings.memory, maxRate, topicsMax, log }) : null;
    const driver = memory === null ? own : inTurns(own);
    const connectionChanged = (connection: SharedConnection): void => memory?.use(connection);
    const parts = { log: messages, deadLetters: toldDeadLetters, driver, options, inFlightMax, maxRate, notice, asked, connectionChanged };
    const begin = (announced?: AnnouncedState): Dispatcher => {
      const dispatcher = new Dispatcher({ ...parts, ...(announced === undefined ? {} : { announced }) });
      dispatcher.onState((state, lastError) => notices.destinationIs(state, lastError));
      dispatcher.start();
      return dispatcher;
    };
    const room = new OutletRoom({ name, spool: messages, budget: settings.spool, notices, log, isSent: runs });
    const sending = new OutletSending({ name, log: messages, driver, begin: runs ? begin : null, hold });
    return new Outlet(settings, messages, deadLetters, sending, memory, runs, notices, room);
  }

  /**
   * Why an event must be refused as a whole because there is no room for it here, or null.
   *
   * @param bytes - What its messages may take here.
   * @param acknowledging - Its source answers for it; else it is refused only where the destination asks for that.
   */
  refusal(bytes: number, tenant: string, acknowledging: boolean): ErrorCode | null {
    return this.#isWhole(acknowledging) ? this.#room.refusal(bytes, tenant) : null;
  }

  /**
   * Tells the operator when the log has come to its end or has room again, for all or for a tenant.
   *
   * @param bytes - What one event may take.
   */
  lookAtRoom(bytes: number): void {
    this.#room.look(bytes);
  }

  /** Makes what was put last; settles with true when it is on disk. */
  async flush(write: Write): Promise<boolean> {
    const wasDurable = this.log.durableSequence;
    try {
      await write.flush();
      // Only a write that was made proves that the disk works again.
      if (this.log.durableSequence > wasDurable && this.#notices.trouble?.code !== "SST_SPOOL_FULL") this.#notices.spoolWorks();
      return true;
    } catch (error) {
      if (this.log.stopped !== null) this.#notices.logStopped(this.log.stopped, this.#runs);
      else this.#notices.failed(error);
      return false;
    }
  }

  /**
   * Makes the message of one selection and keeps it.
   *
   * @returns Where it went; null when it was dropped and counted, or made before; "refused" when the source must be told.
   */
  put(put: Put): Write | "refused" | null {
    const { stream, rule } = put.selection;
    const topic = topicOf(put);
    const memory = isOnce(stream, rule) ? this.memory : null;
    if (memory === null && this.#hasAll(put)) return null;
    if (!topic.ok && memory !== null) return later(put, () => memory.take(put, null));
    if (!topic.ok) return this.#setAside(put, "SST_TEMPLATE_VALUE", topic.reason);
    if (!isFirst(put, topic.topic)) return null;
    if (memory !== null) return later(put, () => memory.take(put, topic.topic));
    if (this.#has(put, topic.topic)) return null;
    const { tenant } = put.prepared.event.identity;
    try {
      const number = this.log.nextNumber(stream.id, topic.topic);
      const isWhole = this.#isWhole(put.acknowledging);
      // A tenant that floods costs no more than this for each message.
      if (!isWhole && this.#room.holdsBack(tenant)) return this.#turnAway(put, "tenant-share");
      this.log.append(this.#message(put, topic.topic, number), put.acknowledging, isWhole);
      return this.log;
    } catch (error) {
      if (!isSidestreamError(error)) throw error;
      if (error.code === "SST_TOPIC_LIMIT") return this.#setAside(put, error.code, error.message);
      return this.#turnAway(put, this.#room.turnedAway(error, tenant));
    }
  }

  /** What an operator is told of the log that has stopped; null while it goes on. */
  get stopped(): string | null {
    return this.log.stopped === null ? null : stoppedText(this.log.stopped, this.#runs);
  }

  state(): DestinationState & DestinationDetail {
    const status = this.log.status();
    const { shares } = this.#room;
    shares.look();
    const transmit = this.sending.status;
    return {
      destination: this.name,
      spoolBytes: status.usedBytes,
      spoolBytesMax: status.bytesMax,
      oldestUnsentMs: this.sending.oldestUnsentMs,
      up: transmit?.state === "up",
      logId: status.logId,
      damagedMessages: status.damagedMessages,
      deadLetters: {
        messages: this.deadLetters.messages,
        bytes: this.deadLetters.usedBytes,
        removed: this.deadLetters.removed,
        lastReason: this.#notices.lastDeadReason,
      },
      archive: this.log.archive?.status() ?? null,
      trouble: this.#notices.trouble,
      tenantsHeldBack: shares.count,
      heldBack: shares.list(),
      memory: this.memory?.state() ?? null,
      stopped: this.stopped,
      held: this.sending.held,
      notices: [...this.#notices.said],
      transmit,
    };
  }

  #message(put: Put, topic: string, sequence: number): Message {
    return messageOf(put, topic, this.log.logId, sequence);
  }

  /** Sends what can be sent within the grace period, what waits in memory as well, and ends sending. */
  async stop(graceMs: number): Promise<void> {
    const endMs = performance.now() + graceMs;
    await this.memory?.stop(graceMs);
    await this.sending.stop(Math.max(0, endMs - performance.now()));
  }

  /** Counted since the log began, and since the start what is sent from memory. */
  get counts(): readonly MessageCounts[] {
    const ofLog = messageCounts(this.name, this.log.status());
    return this.memory === null ? ofLog : mergedCounts([...ofLog, ...messageCounts(this.name, this.memory.counts())]);
  }

  /** The event comes from a journal that is read again, and all its messages are here. */
  #hasAll({ prepared: { event } }: Put): boolean {
    const key = event.agent?.journal?.key;
    return key !== undefined && this.log.progress.isThrough(key, event.sourcePosition);
  }

  /** As `#hasAll`, of one message: a crash may have come between two of an event. */
  #has({ prepared: { event }, selection: { stream } }: Put, topic: string): boolean {
    const key = event.agent?.journal?.key;
    return key !== undefined && this.log.progress.has(key, event.sourcePosition, stream.id, topic);
  }

  /** All messages of an event are kept, or none. */
  #isWhole(acknowledging: boolean): boolean {
    return acknowledging || this.#room.refuses;
  }

  /** The message has no topic to be sent to: it is dead from the start. */
  #setAside(put: Put, code: string, reason: string): Write | "refused" | null {
    const { stream } = put.selection;
    try {
      this.deadLetters.append(this.#message(put, "", 0), code, reason);
    } catch (error) {
      if (!isSidestreamError(error)) throw error;
      return this.#turnAway(put, "dead-letters-full");
    }
    this.log.countTurnedAway(stream.id, put.prepared.event.identity.tenant, "dead", code);
    this.#notices.dead(stream.id, code, reason);
    return this.deadLetters;
  }

  #turnAway(put: Put, reason: string): "refused" | null {
    if (put.acknowledging) return "refused";
    this.log.countTurnedAway(put.selection.stream.id, put.prepared.event.identity.tenant, "dropped", reason);
    return null;
  }
}

/** Should another message of the event be refused, this one must not have been sent: the event comes again as a whole. */
function later(put: Put, take: () => void): null {
  put.afterwards.push(take);
  return null;
}
