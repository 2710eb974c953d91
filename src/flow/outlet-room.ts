/**
 * Whether a destination's log takes something, for which tenant, and who is told when it doesn't.
 *
 * Promise: the log decides; here its answers become reasons to count by, refusals and notices. The operator is told when
 * the log has come to its end or has room again.
 */
import { type ErrorCode, SidestreamError } from "../errors.ts";
import { bytesOfText } from "../observe/bytes-text.ts";
import type { Log } from "../observe/log.ts";
import type { OutletNotices } from "./outlet-notices.ts";
import type { BudgetSettings } from "./settings.ts";
import { reservedBytesMin } from "./spool-room.ts";
import { type SharedLog, TenantShares } from "./tenant-shares.ts";

/**
 * A log that gives up its oldest messages lets go of a segment at a time, and keeps a sixteenth free, or more where events
 * are large: as much again, or an eighth, says that it has ended.
 */
const ENDED_SHARE = 1 / 8;
/** What a crash may take of the counts of what was turned away. */
const COUNTS_KEPT_EVERY_MS = 1_000;
const ENDED_BEYOND_SHARE = 1 / 16;

/** What a log tells of its room. */
export interface RoomLog extends SharedLog {
  readonly stopped: SidestreamError | null;
  /** Why it takes nothing in by now. */
  readonly refusing: SidestreamError | null;
  /** Messages given up since the start to make room for newer ones. */
  readonly givenUp: number;
  status(): { readonly usedBytes: number; readonly bytesMax: number };
  freeSegments(): Promise<void>;
  /** Makes last what was counted since the last confirmation. */
  keepCounts(): Promise<void>;
}

export interface OutletRoomParts {
  /** The destination's. */
  readonly name: string;
  readonly spool: RoomLog;
  readonly budget: BudgetSettings;
  readonly notices: OutletNotices;
  readonly log: Log;
  /** What the log holds is sent, also once it has stopped. */
  readonly isSent: boolean;
}

/** What becomes of messages when the log is full. Sources that can be told are: those that acknowledge, and durable routes. */
const TOLD = "webhooks are answered 503, durable requests are refused or pass uncaptured";
const BECOMES = {
  "drop-newest": `New messages for it are turned away until some are delivered: ${TOLD}, the rest is dropped and counted as \`spool-full\``,
  "drop-oldest":
    "Its oldest messages are given up for new ones, also such as were acknowledged, and counted as `drop-oldest`; new ones for which room isn't made in time are dropped, counted as `spool-full`",
  refuse: `Events with a message for it are refused as a whole until some are delivered, so other destinations get nothing of them either: ${TOLD}, the rest counts as lost at the edge, \`refused\``,
} as const satisfies Record<BudgetSettings["whenFull"], string>;

export class OutletRoom {
  /** An event that doesn't find room is refused as a whole, also where its source can't be told. */
  readonly refuses: boolean;
  readonly shares: TenantShares;
  readonly #name: string;
  readonly #spool: RoomLog;
  readonly #budget: BudgetSettings;
  readonly #notices: OutletNotices;
  readonly #isSent: boolean;
  /** As of the last look. */
  #wasRefusing = false;
  #countsKeptMs = 0;
  /** As of the last look, and as of the one before the log was full. */
  #givenUp = 0;
  #givenUpBefore = 0;

  constructor({ name, spool, budget, notices, log, isSent }: OutletRoomParts) {
    this.refuses = budget.whenFull === "refuse";
    this.shares = new TenantShares(name, spool, (budget.bytesMax * budget.tenantSharePercent) / 100, log);
    this.#name = name;
    this.#spool = spool;
    this.#budget = budget;
    this.#notices = notices;
    this.#isSent = isSent;
  }

  /**
   * Why an event that is kept whole or not at all finds no room, or null.
   *
   * @param bytes - What its messages may take here.
   */
  refusal(bytes: number, tenant: string): ErrorCode | null {
    if (this.#spool.roomFor(tenant) >= bytes) return null;
    if (this.#spool.roomBytes < bytes) return this.#spool.refusing?.code ?? "SST_SPOOL_FULL";
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
      if (this.#spool.stopped !== null) this.#notices.logStopped(this.#spool.stopped, this.#isSent);
      else this.#notices.spoolFailed(error);
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
    const before = this.#givenUp;
    this.#givenUp = this.#spool.givenUp;
    const hasRoom = this.#spool.roomBytes >= bytes;
    if (this.#spool.stopped !== null) this.#notices.logStopped(this.#spool.stopped, this.#isSent);
    else if (this.#spool.refusing !== null) this.#notices.spoolFailed(this.#spool.refusing);
    else if (!hasRoom || this.#givenUp > before) this.#tellFull(before);
    else if (this.#isFull && this.#hasEnded(bytes)) this.#tellRoom();
    else if (this.#wasRefusing) this.#notices.spoolWorks();
    this.#wasRefusing = this.#spool.refusing !== null;
    // A segment that could not be removed is tried again; it never rejects.
    if (!hasRoom) void this.#spool.freeSegments();
    this.#keepCounts();
  }

  /** What is turned away is counted on disk with the next confirmation, and a destination that is down confirms nothing. */
  #keepCounts(): void {
    const nowMs = Date.now();
    if (nowMs - this.#countsKeptMs < COUNTS_KEPT_EVERY_MS) return;
    this.#countsKeptMs = nowMs;
    void this.#spool.keepCounts();
  }

  get #isFull(): boolean {
    return this.#notices.trouble?.code === "SST_SPOOL_FULL";
  }

  /** Until there is some room more, the next message may have the next old ones given up. */
  #hasEnded(eventBytes: number): boolean {
    const { whenFull, bytesMax } = this.#budget;
    const wanted = Math.max(bytesMax * ENDED_SHARE, reservedBytesMin(eventBytes) + bytesMax * ENDED_BEYOND_SHARE);
    return whenFull !== "drop-oldest" || this.#spool.roomBytes >= wanted;
  }

  /** @param givenUp - Messages given up before this time. */
  #tellFull(givenUp = this.#givenUp): void {
    // Asked for each message that is turned away, so nothing is made before it is known that there is something to tell.
    if (this.#isFull && !this.#notices.isDue("SST_SPOOL_FULL")) return;
    if (!this.#isFull) this.#givenUpBefore = givenUp;
    const { usedBytes, bytesMax } = this.#spool.status();
    const state = `the spool of ${this.#name} is full: it holds ${bytesOfText(usedBytes, bytesMax)}`;
    const text = `${state}. ${BECOMES[this.#budget.whenFull]}. Mend the destination if it lags; else raise its \`spool.bytesMax\``;
    this.#notices.spoolFull(new SidestreamError("SST_SPOOL_FULL", state), text);
  }

  #tellRoom(): void {
    const gaveUp = this.#givenUp - this.#givenUpBefore;
    const cost = gaveUp === 0 ? "" : ` (${gaveUp} of its oldest messages were given up)`;
    this.#notices.spoolWorks(`the spool of ${this.#name} has room again${cost}`);
  }
}
