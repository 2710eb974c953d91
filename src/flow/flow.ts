/**
 * Joins the stages: identify, match, message, spool, transmit. The only file that knows them all.
 *
 * Promise: `accept` passes one event through in memory, in order; after `flush` everything it made is on disk. A
 * message counts as accepted once it was matched, and from then on it is delivered, dead, dropped or pending.
 */
import type { ErrorCode } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import { ACT_PIECE_MS } from "./act-parts.ts";
import { ACTS, type ActName } from "./acts.ts";
import { ContentValues } from "./content/pointers.ts";
import type { Event, IdentifiedEvent } from "./event.ts";
import type { FlowSnapshot } from "./flow-snapshot.ts";
import { Hold } from "./hold.ts";
import { KeptEvents } from "./kept-events.ts";
import { createIdentify } from "./identify/identify.ts";
import type { IdentityAction, IdentityRows } from "./identity-act.ts";
import { attributesOf } from "./match/attributes.ts";
import type { Attributes } from "./match/rule.ts";
import type { Selection } from "./match/select.ts";
import { StreamRules } from "./match/stream-rules.ts";
import { unknownDestination } from "./unknown-destination.ts";
import { MessageMaker, type Prepared } from "./message/maker.ts";
import { Outlet, type Write } from "./outlet.ts";
import { destinationsOf, isOnce } from "./deliveries.ts";
import { findingsTo, openSpool } from "./opened-spool.ts";
import { OrphanActs, type AdoptCall, type PurgeCall } from "./orphan-acts.ts";
import { PurgeGate } from "./purge-gate.ts";
import { openRedactionKey } from "./redaction-key.ts";
import type { FlowSettings } from "./settings.ts";
import { ShadowBook } from "./shadow-book.ts";
import { SourceOrder } from "./source-order.ts";
import { eventBytesMax, messagesBytesMax } from "./spool-room.ts";
import type { Adopted } from "./spool/adopt.ts";
import { disk } from "./spool/disk.ts";
import type { Spool } from "./spool/spool.ts";

/** What became of an event. */
export interface Accepted {
  /** Why a spool had no room for one of its messages, and nothing of the event was kept; null: it was taken. */
  readonly refused: ErrorCode | null;
  /** Where its messages went: on disk once `flush` doesn't name them as failed. */
  readonly writes: readonly Write[];
}

const NOTHING: Accepted = { refused: null, writes: [] };
/** An event of the same journal was turned back before it. */
const OUT_OF_TURN: Accepted = { refused: "SST_SPOOL_FULL", writes: [] };

export class Flow {
  readonly #settings: FlowSettings;
  readonly #spool: Spool;
  readonly #identify: (event: Event) => IdentifiedEvent | null;
  readonly #rules: StreamRules;
  readonly #maker: MessageMaker;
  /** Null: no rule is in shadow. */
  readonly #shadows: ShadowBook | null;
  readonly #outlets: ReadonlyMap<string, Outlet>;
  readonly #orphans: OrphanActs;
  /** Null: no event is kept. */
  readonly #kept: KeptEvents | null;
  readonly #purgeGate = new PurgeGate();
  readonly #order = new SourceOrder();
  /** Destinations that a rule sends to through their logs. */
  readonly #targeted: ReadonlySet<string>;
  readonly #eventBytesMax: number;
  /** Where something was put since the last flush. */
  readonly #written = new Map<Write, Outlet>();
  #unidentified = 0;

  private constructor(
    settings: FlowSettings,
    spool: Spool,
    maker: MessageMaker,
    outlets: ReadonlyMap<string, Outlet>,
    orphans: OrphanActs,
    kept: KeptEvents | null,
  ) {
    this.#settings = settings;
    this.#spool = spool;
    this.#maker = maker;
    this.#shadows = ShadowBook.of(settings.streams, maker);
    this.#outlets = outlets;
    this.#orphans = orphans;
    this.#kept = kept;
    this.#identify = createIdentify(settings.sources);
    this.#rules = new StreamRules(settings.streams);
    this.#eventBytesMax = eventBytesMax(settings);
    this.#targeted = destinationsOf(settings.streams, "spooled");
  }

  /**
   * Opens the spool and begins to send what it holds. The data folder must be locked by the caller.
   */
  static async open(settings: FlowSettings, log: Log): Promise<Flow> {
    // First, since these are the steps beside the spool's own opening that can fail, and then no file stays open.
    const redactionKey = await openRedactionKey(disk, settings.dataFolder);
    const holds = new Map<string, Hold>();
    for (const { name } of settings.destinations) holds.set(name, await Hold.open(disk, settings.dataFolder, name));
    const { instance, env, limits } = settings;
    const maker = new MessageMaker({ instance, env, limits, redactionKey });
    const kept = await KeptEvents.open(settings, maker, log);
    const spool = await openSpool(settings, log, async () => (await kept?.giveWay()) === true);
    const outlets = new Map<string, Outlet>();
    const [once, spooled] = [destinationsOf(settings.streams, "once"), destinationsOf(settings.streams, "spooled")];
    for (const destination of settings.destinations) {
      const { name } = destination;
      const rules = { once: once.has(name), spooled: spooled.has(name), topicsMax: limits.topicsMax };
      outlets.set(name, Outlet.open(destination, spool, log, rules, holds.get(name) as Hold));
    }
    const { dataFolder } = settings;
    const configured = settings.destinations.map(({ name }) => name);
    const orphans = new OrphanActs({ disk, dataFolder, configured, found: spool.orphaned, logs: spool.logs, onFinding: findingsTo(log) });
    void orphans.count().catch((error: unknown) => log.warn({ err: error }, "what waits in orphaned logs could not be counted"));
    return new Flow(settings, spool, maker, outlets, orphans, kept);
  }

  /**
   * Bytes that every log in use can still take. Which of them an event will need shows only after it was matched, so a
   * reservation counts on all of them.
   */
  get roomBytes(): number {
    let room = Number.MAX_SAFE_INTEGER;
    for (const outlet of this.#outlets.values()) if (this.#isUsed(outlet)) room = Math.min(room, outlet.log.roomBytes);
    return room;
  }

  /** What is to be told of each log in use that has stopped: while there is one, no event is surely kept here. */
  get stopped(): readonly string[] {
    return [...this.#outlets.values()].flatMap((outlet) =>
      this.#isUsed(outlet) && outlet.stopped !== null ? [`${outlet.name}: ${outlet.stopped}`] : [],
    );
  }

  /**
   * Passes one event through. Nothing is on disk before `flush`.
   *
   * @param acknowledging - The source answers for the event: without room it is refused as a whole, never dropped. So
   * is any event of which a message would go to a destination with `whenFull: refuse`.
   */
  accept(event: Event, acknowledging: boolean): Accepted {
    const journal = event.agent?.journal;
    if (journal === undefined) return this.#accept(event, acknowledging);
    if (!this.#order.admits(journal)) return OUT_OF_TURN;
    const accepted = this.#accept(event, acknowledging);
    if (accepted.refused === null) this.#order.accepted(journal, event.sourcePosition);
    else this.#order.stop(journal);
    return accepted;
  }

  #accept(event: Event, acknowledging: boolean): Accepted {
    const identified = this.#identify(event);
    if (identified === null) {
      this.#unidentified += 1;
      return NOTHING;
    }
    const content = new ContentValues(identified, this.#settings.limits);
    const attributes = attributesOf(identified, content);
    const asked = { event: identified, attributes, content };
    const selections = this.#rules.select(asked);
    if (selections.length === 0 && this.#kept === null && this.#shadows === null) return NOTHING;
    const prepared = this.#maker.prepare(identified, content);
    const accepted = selections.length === 0 ? NOTHING : this.#make(prepared, attributes, selections, acknowledging);
    // What is refused comes again, and is counted and kept then, or counts as lost.
    if (accepted.refused === null) {
      this.#shadows?.look({ ...asked, selections, prepared });
      this.#kept?.keep(prepared);
    }
    return accepted;
  }

  /**
   * Settles when all that was accepted is on disk or given up; returns the logs whose write failed. Logs that got
   * nothing since the last call are not waited for.
   */
  async flush(): Promise<ReadonlySet<Write>> {
    const failed = new Set<Write>();
    const written = [...this.#written];
    this.#written.clear();
    await Promise.all(
      written.map(async ([write, outlet]) => {
        if (await outlet.flush(write)) return;
        failed.add(write);
        this.#order.stopAll();
      }),
    );
    return failed;
  }

  /** Tells the operator of logs that came to their end, or have room again. To be called now and then. */
  lookAtRoom(): void {
    for (const outlet of this.#outlets.values()) if (this.#isUsed(outlet)) outlet.lookAtRoom(this.#eventBytesMax);
  }

  snapshot(): FlowSnapshot {
    const outlets = [...this.#outlets.values()];
    return {
      messages: outlets.flatMap(({ counts }) => counts),
      destinations: outlets.map((outlet) => outlet.state()),
      unidentified: this.#unidentified,
      shadows: this.#shadows?.state() ?? [],
      orphaned: this.#orphans.names,
      orphanedPending: this.#orphans.pending,
      keptEvents: this.#kept?.state() ?? null,
    };
  }

  /**
   * Shows what a destination is known by, or carries out an operator's decision over it.
   *
   * @returns Rows for people, as they are after the act.
   * @throws SidestreamError `SST_COMMAND_INVALID` when there is no such destination, or it has no identity.
   */
  identity(destination: string, action: IdentityAction): Promise<IdentityRows> {
    const outlet = this.#outlets.get(destination);
    if (outlet !== undefined) return outlet.sending.identity(action);
    return Promise.reject(unknownDestination(destination, [...this.#outlets.keys()]));
  }

  /**
   * Moves what waits in an orphaned log to a destination's, for some seconds at a time.
   *
   * @throws SidestreamError `SST_COMMAND_INVALID` when the one is no orphan or the other no destination; what the logs say.
   */
  adopt(call: AdoptCall): Promise<Adopted> {
    return this.#purgeGate.move(() => this.#orphans.adopt(call, { waitMsMax: ACT_PIECE_MS, waitsForRoom: true }));
  }

  /** Removes an orphaned log with its dead letters. @throws SidestreamError `SST_COMMAND_INVALID`; what the disk says. */
  purge(call: PurgeCall): Promise<void> {
    return this.#purgeGate.move(() => this.#orphans.purge(call));
  }

  /** Carries out an act of an operator. @throws SidestreamError what the act says. */
  act(name: ActName, call: unknown): Promise<unknown> {
    const parts = {
      outlets: this.#outlets,
      orphans: this.#orphans,
      settings: this.#settings,
      purgeGate: this.#purgeGate,
      kept: this.#kept,
    };
    return ACTS[name](parts, call);
  }

  /** Writes what waits, delivers what can be within the grace period, closes the spool. */
  async close(graceMs: number): Promise<void> {
    await this.#orphans.stop();
    await Promise.all([...this.#outlets.values()].map((outlet) => outlet.deadLetters.turns.end()));
    await this.flush();
    await Promise.all([...this.#outlets.values()].map((outlet) => outlet.stop(graceMs)));
    await this.#kept?.close();
    await this.#spool.close();
  }

  #make(prepared: Prepared, attributes: Attributes, selections: readonly Selection[], acknowledging: boolean): Accepted {
    const targeted = selections.flatMap((selection) => {
      const outlet = this.#outlets.get(selection.target.destination);
      // A destination that isn't configured, or switched off, is dormant: status says so, the rule makes nothing.
      return outlet === undefined || outlet.dormant ? [] : [{ selection, outlet }];
    });
    const { tenant } = prepared.event.identity;
    // All or nothing: an event that is refused after one of its messages was kept would be doubled when it comes again.
    // What is sent from memory needs no room in a log, and is never waited for.
    const spooled = targeted.filter(({ selection: { stream, rule } }) => !isOnce(stream, rule));
    for (const { outlet } of spooled) {
      const refused = outlet.refusal(this.#bytesMax(spooled, outlet), tenant, acknowledging);
      if (refused !== null) return { refused, writes: [] };
    }
    const { instance } = this.#settings;
    const writes = new Set<Write>();
    const made = new Set<string>();
    const afterwards: (() => void)[] = [];
    const isRepeated = this.#order.isRepeated(prepared.event);
    const common = { maker: this.#maker, prepared, attributes, instance, made, acknowledging, afterwards, isRepeated };
    for (const { selection, outlet } of targeted) {
      const write = outlet.put({ ...common, selection });
      if (write === "refused") return { refused: "SST_SPOOL_FULL", writes: [] };
      if (write === null) continue;
      writes.add(write);
      this.#written.set(write, outlet);
    }
    for (const take of afterwards) take();
    return { refused: null, writes: [...writes] };
  }

  #isUsed({ name, dormant }: Outlet): boolean {
    return this.#targeted.has(name) && !dormant;
  }

  #bytesMax(targeted: readonly { readonly outlet: Outlet }[], outlet: Outlet): number {
    return messagesBytesMax(this.#settings, targeted.filter((other) => other.outlet === outlet).length);
  }
}
