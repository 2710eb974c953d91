/**
 * One destination as the flow sees it: its log, its dead letters and its dispatcher.
 *
 * Promise: a message that was matched is counted here exactly once, whether it reaches the log or not.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { DestinationDriver } from "../driver/destination.ts";
import { destinationDriver } from "../driver/registry.ts";
import { isSidestreamError, type ErrorCode } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import type { DestinationState } from "../observe/snapshot.ts";
import { actOnIdentity, type IdentityAction, type IdentityRows } from "./identity-act.ts";
import type { Attributes } from "./match/rule.ts";
import type { Selection } from "./match/select.ts";
import type { MessageMaker, Prepared } from "./message/maker.ts";
import type { Message } from "./message/message.ts";
import type { DestinationDetail } from "./outlet-detail.ts";
import { OutletNotices } from "./outlet-notices.ts";
import { OutletRoom } from "./outlet-room.ts";
import type { DestinationSettings } from "./settings.ts";
import { stoppedText } from "./stopped-log.ts";
import type { DeadLetterLog } from "./spool/dead-letter-log.ts";
import type { DestinationLog } from "./spool/destination-log.ts";
import type { Spool } from "./spool/spool.ts";
import type { AnnouncedState } from "./transmit/dispatcher-status.ts";
import { Dispatcher } from "./transmit/dispatcher.ts";

/** How often a stop looks whether all was delivered. */
const DRAIN_LOOK_MS = 10;

/** Somewhere that was written to and that `flush` makes last. */
export interface Write {
  flush(): Promise<void>;
}

export interface Put {
  readonly maker: MessageMaker;
  readonly prepared: Prepared;
  readonly selection: Selection;
  readonly attributes: Attributes;
  /** Name of this program among its like. */
  readonly instance: string;
  /** Stream and topic of the messages that the event has made already; one more is left out. */
  readonly made: Set<string>;
  readonly acknowledging: boolean;
}

export class Outlet {
  readonly name: string;
  readonly dormant: boolean;
  readonly log: DestinationLog;
  readonly #deadLetters: DeadLetterLog;
  readonly #driver: DestinationDriver;
  /** Null: the destination is dormant, or its log stopped. */
  readonly #begin: ((announced?: AnnouncedState) => Dispatcher) | null;
  #dispatcher: Dispatcher | null;
  readonly #notices: OutletNotices;
  readonly #room: OutletRoom;
  /** Decisions over the identity, one after the other; never rejects. */
  #acting: Promise<unknown> = Promise.resolve();
  #stopping = false;

  private constructor(
    settings: DestinationSettings,
    log: DestinationLog,
    deadLetters: DeadLetterLog,
    driver: DestinationDriver,
    begin: ((announced?: AnnouncedState) => Dispatcher) | null,
    notices: OutletNotices,
    room: OutletRoom,
  ) {
    this.name = settings.name;
    this.dormant = settings.dormant !== null;
    this.log = log;
    this.#deadLetters = deadLetters;
    this.#driver = driver;
    this.#begin = begin;
    this.#dispatcher = begin?.() ?? null;
    this.#notices = notices;
    this.#room = room;
  }

  /** Takes the destination's logs and begins to send what they hold. */
  static open(settings: DestinationSettings, spool: Spool, log: Log): Outlet {
    const { name, type, options, inFlightMax, maxRate } = settings;
    const messages = spool.logs.get(name);
    const deadLetters = spool.deadLetters.get(name);
    const driver = destinationDriver(type);
    assert(
      messages !== undefined && deadLetters !== undefined && driver !== undefined,
      `logs and driver of ${name}, since the configuration was checked`,
    );
    const notices = new OutletNotices(name, log);
    if (messages.stopped !== null) notices.logStopped(messages.stopped, false);
    const runs = settings.dormant === null && messages.stopped === null;
    const notice = (text: string) => notices.driverSays(text);
    const toldDeadLetters = {
      add: async (...[message, code, reason]: Parameters<DeadLetterLog["add"]>) => {
        await deadLetters.add(message, code, reason);
        notices.dead(message.stream, code, reason);
      },
    };
    const parts = { log: messages, deadLetters: toldDeadLetters, driver, options, inFlightMax, maxRate, notice };
    const begin = (announced?: AnnouncedState): Dispatcher => {
      const dispatcher = new Dispatcher({ ...parts, ...(announced === undefined ? {} : { announced }) });
      dispatcher.onState((state, lastError) => notices.destinationIs(state, lastError));
      dispatcher.start();
      return dispatcher;
    };
    const room = new OutletRoom({ name, spool: messages, budget: settings.spool, notices, log, isSent: runs });
    return new Outlet(settings, messages, deadLetters, driver, runs ? begin : null, notices, room);
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
      if (this.log.stopped !== null) this.#notices.logStopped(this.log.stopped, this.#begin !== null);
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
    const { stream, target } = put.selection;
    const topic = put.maker.topic(put.prepared, stream, target.topic, put.attributes);
    if (!topic.ok) return this.#setAside(put, "SST_TEMPLATE_VALUE", topic.reason);
    const name = `${stream.id} ${this.name}:${topic.topic}`;
    if (put.made.has(name)) return null;
    put.made.add(name);
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
    return this.log.stopped === null ? null : stoppedText(this.log.stopped, this.#begin !== null);
  }

  state(): DestinationState & DestinationDetail {
    const status = this.log.status();
    const { shares } = this.#room;
    shares.look();
    const transmit = this.#dispatcher?.status() ?? null;
    return {
      destination: this.name,
      spoolBytes: status.usedBytes,
      spoolBytesMax: status.bytesMax,
      oldestUnsentMs: transmit?.oldestUnsentMs ?? 0,
      up: transmit?.state === "up",
      logId: status.logId,
      damagedMessages: status.damagedMessages,
      deadLetters: {
        messages: this.#deadLetters.messages,
        bytes: this.#deadLetters.usedBytes,
        removed: this.#deadLetters.removed,
        lastReason: this.#notices.lastDeadReason,
      },
      trouble: this.#notices.trouble,
      tenantsHeldBack: shares.count,
      heldBack: shares.list(),
      stopped: this.stopped,
      notices: [...this.#notices.said],
      transmit,
    };
  }

  /**
   * Shows what the destination is known by, or carries out an operator's decision over it: sending ends, the decision is
   * put on disk, sending begins anew by it.
   */
  identity(action: IdentityAction): Promise<IdentityRows> {
    const act = this.#acting.then(() => this.#identity(action));
    this.#acting = act.catch(() => undefined);
    return act;
  }

  async #identity(action: IdentityAction): Promise<IdentityRows> {
    const { identity } = this.#driver;
    const decide = () => actOnIdentity(identity, this.log.memory, action, this.name);
    // What a lane holds in memory follows from the identity too: all of it is made anew.
    const before = this.#dispatcher;
    if (action === "show" || identity === undefined || before === null || this.#stopping) return [...(await decide()), ...this.#changed()];
    await before.stop(0);
    try {
      return await decide();
    } finally {
      if (!this.#stopping) this.#dispatcher = this.#begin?.(before.announced) ?? null;
    }
  }

  /** Lanes that stopped over what the memory doesn't know of. */
  #changed(): IdentityRows {
    const blocked = this.#dispatcher?.status().blocked ?? [];
    return blocked.flatMap(({ lane, code, message }) => (code === "SST_IDENTITY_CHANGED" ? [[`stopped: ${lane}`, message] as const] : []));
  }

  /** Lets a destination that is up have what waits, then ends sending. What it does not get in time stays in the spool. */
  async stop(graceMs: number): Promise<void> {
    const endMs = performance.now() + graceMs;
    this.#stopping = true;
    await this.#acting;
    const isBehind = () => this.#dispatcher?.status().state === "up" && this.log.confirmedSequence < this.log.durableSequence;
    while (isBehind() && performance.now() < endMs) await pause(DRAIN_LOOK_MS);
    await this.#dispatcher?.stop(Math.max(0, endMs - performance.now()));
  }

  #message({ maker, prepared, selection: { stream, rule }, attributes, instance }: Put, topic: string, sequence: number): Message {
    const evidence = { stream: stream.id, rule: rule.number, revision: stream.revision, instance, logId: this.log.logId, sequence };
    const headers = maker.headers(prepared, stream, rule, attributes);
    return maker.make(prepared, stream, rule.number, topic, maker.key(prepared, stream, attributes), evidence, headers);
  }

  /** All messages of an event are kept, or none. */
  #isWhole(acknowledging: boolean): boolean {
    return acknowledging || this.#room.refuses;
  }

  /** The message has no topic to be sent to: it is dead from the start. */
  #setAside(put: Put, code: string, reason: string): Write | "refused" | null {
    const { stream } = put.selection;
    try {
      this.#deadLetters.append(this.#message(put, "", 0), code, reason);
    } catch (error) {
      if (!isSidestreamError(error)) throw error;
      return this.#turnAway(put, "dead-letters-full");
    }
    this.log.countTurnedAway(stream.id, put.prepared.event.identity.tenant, "dead", code);
    this.#notices.dead(stream.id, code, reason);
    return this.#deadLetters;
  }

  #turnAway(put: Put, reason: string): "refused" | null {
    if (put.acknowledging) return "refused";
    this.log.countTurnedAway(put.selection.stream.id, put.prepared.event.identity.tenant, "dropped", reason);
    return null;
  }
}
