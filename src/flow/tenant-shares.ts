/**
 * The tenants of one destination that hold more than their share of its log: known for the status, told to the operator.
 *
 * Promise: one line a minute at most, and one when it is over, however many tenants come and go. A tenant is held back
 * only for as long as the log says so; nothing is decided here.
 */
import { ERRORS } from "../errors.ts";
import { bytesText } from "../observe/bytes-text.ts";
import type { Log } from "../observe/log.ts";

const REPEAT_MS = 60_000;
/** No more tenants can each hold more than one percent. */
const TENANTS_MAX = 100;
/** Tenants named in a line of the log. */
const NAMED_MAX = 5;
/** Tenants named in the status. */
const LISTED_MAX = 10;

/** What a log tells of its tenants. */
export interface SharedLog {
  readonly roomBytes: number;
  roomFor(tenant: string): number;
  heldBytes(tenant: string): number;
}

export interface HeldTenant {
  readonly tenant: string;
  /** What its messages that wait take in the log. */
  readonly bytes: number;
  /** Since when it is held back, milliseconds since 1970. */
  readonly sinceMs: number;
}

export class TenantShares {
  readonly #name: string;
  readonly #spool: SharedLog;
  readonly #shareBytes: number;
  readonly #log: Log;
  /** Tenant, and since when. */
  readonly #held = new Map<string, number>();
  #beganMs = 0;
  #toldMs = Number.NEGATIVE_INFINITY;
  /** A tenant is held back that no line has named. */
  #isUntold = false;
  #endIsOwed = false;

  /** @param shareBytes - What a tenant may hold once the log is half full. */
  constructor(name: string, spool: SharedLog, shareBytes: number, log: Log) {
    this.#name = name;
    this.#spool = spool;
    this.#shareBytes = shareBytes;
    this.#log = log;
  }

  /** Tenants that are held back. */
  get count(): number {
    return this.#held.size;
  }

  /** A message of the tenant was turned away because it is over its share. */
  met(tenant: string): void {
    if (this.#held.has(tenant) || this.#held.size >= TENANTS_MAX) return;
    const nowMs = Date.now();
    if (this.#held.size === 0) this.#beganMs = nowMs;
    this.#held.set(tenant, nowMs);
    this.#isUntold = true;
    this.#tell(nowMs);
  }

  /** Lets go of tenants that have room again, and tells what is due. To be called now and then. */
  look(): void {
    if (this.#held.size === 0) return;
    const { roomBytes } = this.#spool;
    // A log without room for anybody doesn't tell who is over its share.
    if (roomBytes > 0) for (const tenant of this.#held.keys()) if (this.#spool.roomFor(tenant) >= roomBytes) this.#held.delete(tenant);
    if (this.#held.size === 0) this.#end();
    else this.#tell(Date.now());
  }

  /** The tenants that are held back, those with the most first. */
  list(): readonly HeldTenant[] {
    return [...this.#held]
      .map(([tenant, sinceMs]) => ({ tenant, bytes: this.#spool.heldBytes(tenant), sinceMs }))
      .toSorted((left, right) => right.bytes - left.bytes)
      .slice(0, LISTED_MAX);
  }

  #tell(nowMs: number): void {
    if (!this.#isUntold || nowMs - this.#toldMs < REPEAT_MS) return;
    this.#toldMs = nowMs;
    this.#isUntold = false;
    this.#endIsOwed = true;
    const named = this.list().slice(0, NAMED_MAX);
    const more = this.#held.size - named.length;
    const who = named.map(({ tenant, bytes }) => `${tenant} (${bytesText(bytes)})`).join(", ");
    const fields = {
      destination: this.#name,
      code: "SST_TENANT_SHARE",
      hint: ERRORS.SST_TENANT_SHARE.hint,
      tenants: named.map(({ tenant }) => tenant),
    };
    const text = `over their share of ${bytesText(this.#shareBytes)} in the spool of ${this.#name}: ${who}${more > 0 ? ` and ${more} more` : ""}. Until some of it is delivered, webhooks of these tenants are refused and their other events are lost and counted; those of others are kept`;
    this.#log.warn(fields, text);
  }

  #end(): void {
    this.#isUntold = false;
    if (!this.#endIsOwed) return;
    this.#endIsOwed = false;
    const seconds = Math.round((Date.now() - this.#beganMs) / 1000);
    this.#log.info({ destination: this.#name }, `no tenant is over its share in the spool of ${this.#name} any more, after ${seconds} s`);
  }
}
