/**
 * The sending side of one destination: its dispatcher, and what can only be done while it doesn't send.
 *
 * Promise: acts follow one another; after each, sending begins anew by what it left on disk, unless the program ends.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { DestinationDriver } from "../driver/destination.ts";
import type { DestinationHold } from "../observe/snapshot.ts";
import { HeldAge } from "./held-age.ts";
import type { Hold } from "./hold.ts";
import { actOnIdentity, type IdentityAction, type IdentityRows } from "./identity-act.ts";
import { decideLanes, type LaneResolved, type ResolveCall } from "./transmit/lane-decision.ts";
import { programEnds } from "./spool/act-turns.ts";
import type { DestinationLog } from "./spool/destination-log.ts";
import type { AnnouncedState, DispatcherStatus } from "./transmit/dispatcher-status.ts";
import type { Dispatcher } from "./transmit/dispatcher.ts";

/** How often a stop looks whether all was delivered. */
const DRAIN_LOOK_MS = 10;

/** How long sends in flight may take to end where somebody holds the destination. */
const HOLD_MS = 10_000;

export interface OutletSendingParts {
  readonly name: string;
  readonly log: DestinationLog;
  readonly driver: DestinationDriver;
  /** Makes a dispatcher and starts it. Null: the destination is dormant, or its log stopped. */
  readonly begin: ((announced?: AnnouncedState) => Dispatcher) | null;
  readonly hold: Hold;
}

export class OutletSending {
  readonly #parts: OutletSendingParts;
  readonly #heldAge: HeldAge;
  #dispatcher: Dispatcher | null;
  /** Acts, one after the other; never rejects. */
  #acting: Promise<unknown> = Promise.resolve();
  #stopping = false;
  /** What was told of the destination before it was held. */
  #announced: AnnouncedState | undefined;

  constructor(parts: OutletSendingParts) {
    this.#parts = parts;
    this.#heldAge = new HeldAge(parts.log);
    this.#dispatcher = parts.hold.now === null ? (parts.begin?.() ?? null) : null;
  }

  /** Null where nothing is sent. */
  get status(): DispatcherStatus | null {
    return this.#dispatcher?.status() ?? null;
  }

  /** Who holds the destination; null: nobody. */
  get held(): DestinationHold | null {
    return this.#parts.hold.now;
  }

  /** How long the oldest message waits that isn't delivered, milliseconds; 0 when none does. */
  get oldestUnsentMs(): number {
    if (this.held === null) return this.status?.oldestUnsentMs ?? 0;
    return this.#heldAge.ageMs(Date.now(), (act) => this.#inTurn(act));
  }

  /**
   * Ends sending for as long as somebody holds the destination; sends in flight end. Or lets it begin again.
   *
   * @param wanted - Null: nobody holds it any more. A hold that there is stays as it is.
   * @returns Who held it before.
   * @throws SidestreamError what the disk says; all is as it was then.
   */
  hold(wanted: DestinationHold | null): Promise<DestinationHold | null> {
    return this.#inTurn(async () => {
      const { hold, begin, log } = this.#parts;
      const before = hold.now;
      if (wanted !== null && before === null) {
        await hold.set(wanted);
        await this.#dispatcher?.stop(HOLD_MS);
        this.#announced = this.#dispatcher?.announced;
        this.#dispatcher = null;
        // Nothing is in anybody's hands.
        log.heldBy(() => false);
      }
      if (wanted === null) await hold.clear();
      if (wanted === null && before !== null && !this.#stopping) this.#dispatcher = begin?.(this.#announced) ?? null;
      return before;
    });
  }

  /** Carries out an act while nothing is sent: what lanes hold in memory is made anew after it. */
  apart<Result>(act: () => Promise<Result>): Promise<Result> {
    return this.#inTurn(() => this.#apart(act));
  }

  /** Shows what the destination is known by, or carries out an operator's decision over it. */
  identity(action: IdentityAction): Promise<IdentityRows> {
    const { name, log, driver } = this.#parts;
    const { identity } = driver;
    const decide = () => actOnIdentity(identity, log.memory, action, name);
    return this.#inTurn(async () => {
      if (action === "show" || identity === undefined) return [...(await decide()), ...this.#changed()];
      return this.#apart(decide);
    });
  }

  /** Shows what lanes stopped over, or carries out an operator's decision over it. As `resolveLanes`. */
  resolve(call: ResolveCall): Promise<readonly LaneResolved[]> {
    const { name, log } = this.#parts;
    return this.#inTurn(async () => {
      const parts = { name, log, dispatcher: this.#dispatcher, isEnding: () => this.#stopping };
      const { lanes, decide } = await decideLanes(parts, call);
      if (decide !== null) await this.#apart(decide);
      return lanes;
    });
  }

  /** Lets a destination that is up have what waits, then ends sending. What it does not get in time stays in the spool. */
  async stop(graceMs: number): Promise<void> {
    const { log } = this.#parts;
    const endMs = performance.now() + graceMs;
    this.#stopping = true;
    await this.#acting;
    const isBehind = () => this.status?.state === "up" && log.confirmedSequence < log.durableSequence;
    while (isBehind() && performance.now() < endMs) await pause(DRAIN_LOOK_MS);
    await this.#dispatcher?.stop(Math.max(0, endMs - performance.now()));
  }

  async #apart<Result>(act: () => Promise<Result>): Promise<Result> {
    const before = this.#dispatcher;
    if (before === null) return await act();
    // Sending goes on until the end: what must not come in between of it waits for the next start.
    if (this.#stopping) throw programEnds();
    await before.stop(0);
    try {
      return await act();
    } finally {
      if (!this.#stopping) this.#dispatcher = this.#parts.begin?.(before.announced) ?? null;
    }
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#acting.then(act);
    this.#acting = result.catch(() => undefined);
    return result;
  }

  /** Lanes that stopped over what the memory doesn't know of. */
  #changed(): IdentityRows {
    const blocked = this.status?.blocked ?? [];
    return blocked.flatMap(({ lane, code, message }) => (code === "SST_IDENTITY_CHANGED" ? [[`stopped: ${lane}`, message] as const] : []));
  }
}
