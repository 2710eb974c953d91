/**
 * Whether a destination's log takes something, for which tenant, and who is told when it doesn't.
 *
 * Promise: the log decides; here its answers become reasons to count by, refusals and notices. The operator is told when
 * the log has come to its end or has room again.
 */
import { type ErrorCode, SidestreamError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import type { OutletNotices } from "./outlet-notices.ts";
import type { BudgetSettings } from "./settings.ts";
import { type SharedLog, TenantShares } from "./tenant-shares.ts";

/** A log that gives up its oldest messages lets go of a segment at a time: so much room says that it has ended. */
const ENDED_SHARE = 1 / 8;

/** What a log tells of its room. */
export interface RoomLog extends SharedLog {
  readonly stopped: SidestreamError | null;
  /** Messages given up since the start to make room for newer ones. */
  readonly givenUp: number;
  status(): { readonly usedBytes: number; readonly bytesMax: number };
  freeSegments(): Promise<void>;
}

export class OutletRoom {
  /** An event that doesn't find room is refused as a whole, also where its source can't be told. */
  readonly refuses: boolean;
  readonly shares: TenantShares;
  readonly #name: string;
  readonly #spool: RoomLog;
  readonly #budget: BudgetSettings;
  readonly #notices: OutletNotices;
  #givenUp = 0;

  constructor(name: string, spool: RoomLog, budget: BudgetSettings, notices: OutletNotices, log: Log) {
    this.refuses = budget.whenFull === "refuse";
    this.shares = new TenantShares(name, spool, (budget.bytesMax * budget.tenantSharePercent) / 100, log);
    this.#name = name;
    this.#spool = spool;
    this.#budget = budget;
    this.#notices = notices;
  }

  /**
   * Why an event that is kept whole or not at all finds no room, or null.
   *
   * @param bytes - What its messages may take here.
   */
  refusal(bytes: number, tenant: string): ErrorCode | null {
    if (this.#spool.roomFor(tenant) >= bytes) return null;
    if (this.#spool.roomBytes < bytes) return this.#spool.stopped?.code ?? "SST_SPOOL_FULL";
    this.shares.met(tenant);
    return "SST_TENANT_SHARE";
  }

  /** True when not even the smallest message of the tenant would be taken, but others' are. */
  holdsBack(tenant: string): boolean {
    if (this.#spool.roomFor(tenant) > 0 || this.#spool.roomBytes === 0) return false;
    this.shares.met(tenant);
    return true;
  }

  /** A message was not taken. @returns The reason that it counts by. */
  turnedAway(error: SidestreamError, tenant: string): "tenant-share" | "spool-full" | "disk" {
    if (error.code === "SST_TENANT_SHARE") {
      this.shares.met(tenant);
      return "tenant-share";
    }
    if (error.code !== "SST_SPOOL_FULL") {
      this.#notices.spoolFailed(error);
      return "disk";
    }
    this.#tellFull();
    return "spool-full";
  }

  /**
   * Tells the operator when the log has come to its end or has room again.
   *
   * @param bytes - What one event may take.
   */
  look(bytes: number): void {
    this.shares.look();
    const gaveUp = this.#spool.givenUp > this.#givenUp;
    this.#givenUp = this.#spool.givenUp;
    const hasRoom = this.#spool.roomBytes >= bytes;
    if (this.#spool.stopped !== null) this.#notices.spoolFailed(this.#spool.stopped);
    else if (!hasRoom || gaveUp) this.#tellFull();
    else if (this.#notices.trouble?.code === "SST_SPOOL_FULL" && this.#hasEnded()) this.#notices.spoolWorks();
    // A segment that could not be removed is tried again; it never rejects.
    if (!hasRoom) void this.#spool.freeSegments();
  }

  /** Until there is some room more, the next message may have the next old ones given up. */
  #hasEnded(): boolean {
    return this.#budget.whenFull !== "drop-oldest" || this.#spool.roomBytes >= this.#budget.bytesMax * ENDED_SHARE;
  }

  #tellFull(): void {
    // Asked for each message that is turned away, so nothing is made before it is known that there is something to tell.
    if (this.#notices.trouble?.code === "SST_SPOOL_FULL") return;
    const { usedBytes, bytesMax } = this.#spool.status();
    const text = `the spool of ${this.#name} holds ${usedBytes} of ${bytesMax} bytes`;
    if (this.#budget.whenFull !== "drop-oldest") this.#notices.spoolFailed(new SidestreamError("SST_SPOOL_FULL", text));
    else this.#notices.givesUpOldest(new SidestreamError("SST_SPOOL_FULL", `${text}; its oldest messages are given up`));
  }
}
