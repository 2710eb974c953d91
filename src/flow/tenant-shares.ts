/**
 * The tenants of one destination that hold more than their share of its log: known for the status, told to the operator.
 *
 * Promise: each tenant is named when it is held back, but not again within a minute; the first at once, those that follow
 * together, so that there is a line each ten seconds at most, and one when it is over. A tenant is held back only for as
 * long as the log says so; nothing is decided here.
 */
import { ERRORS } from "../errors.ts";
import { bytesText } from "../observe/bytes-text.ts";
import type { Log } from "../observe/log.ts";

/** A tenant that comes and goes is named once in so long. */
const REPEAT_MS = 60_000;
/** Tenants that are held back one after the other share a line. */
const GATHER_MS = 10_000;
/** No more tenants can each hold more than one percent. Likewise of those that are named; what comes beyond is counted. */
const TENANTS_MAX = 100;
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

interface Untold {
  readonly dueMs: number;
  /** It was named a short while ago. */
  readonly isAgain: boolean;
}

export class TenantShares {
  readonly #name: string;
  readonly #spool: SharedLog;
  readonly #shareBytes: number;
  readonly #log: Log;
  /** Tenant, and since when. */
  readonly #held = new Map<string, number>();
  /** Tenants to be named. */
  readonly #untold = new Map<string, Untold>();
  /** Tenants that were named within the last minute, and when. */
  readonly #named = new Map<string, number>();
  /** Beyond the bound on names; one that comes and goes counts each time. */
  #unnamed = 0;
  #beganMs = 0;
  #toldMs = Number.NEGATIVE_INFINITY;
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
    this.#owe(tenant, nowMs);
    this.#tell(nowMs);
  }

  /** Lets go of tenants that have room again, and tells what is due. To be called now and then. */
  look(): void {
    if (this.#held.size === 0 && this.#untold.size === 0) return;
    const { roomBytes } = this.#spool;
    // A log without room for anybody doesn't tell who is over its share.
    if (roomBytes > 0) for (const tenant of this.#held.keys()) if (this.#spool.roomFor(tenant) >= roomBytes) this.#held.delete(tenant);
    this.#tell(Date.now());
    if (this.#held.size === 0) this.#end();
  }

  /** The tenants that are held back, those with the most first. */
  list(): readonly HeldTenant[] {
    return this.#withMost([...this.#held]).slice(0, LISTED_MAX);
  }

  #withMost(tenants: readonly (readonly [tenant: string, sinceMs: number])[]): readonly HeldTenant[] {
    return tenants
      .map(([tenant, sinceMs]) => ({ tenant, bytes: this.#spool.heldBytes(tenant), sinceMs }))
      .toSorted((left, right) => right.bytes - left.bytes);
  }

  #owe(tenant: string, nowMs: number): void {
    if (this.#untold.has(tenant)) return;
    const againMs = (this.#named.get(tenant) ?? Number.NEGATIVE_INFINITY) + REPEAT_MS;
    if (this.#untold.size < TENANTS_MAX) this.#untold.set(tenant, { dueMs: Math.max(nowMs, againMs), isAgain: againMs > nowMs });
    else this.#unnamed += 1;
  }

  #tell(nowMs: number): void {
    if (this.#untold.size === 0 || nowMs - this.#toldMs < GATHER_MS) return;
    for (const [tenant, atMs] of this.#named) if (nowMs - atMs >= REPEAT_MS) this.#named.delete(tenant);
    const told: (readonly [string, number])[] = [];
    for (const [tenant, { dueMs, isAgain }] of this.#untold) {
      if (dueMs > nowMs) continue;
      this.#untold.delete(tenant);
      const sinceMs = this.#held.get(tenant);
      if (sinceMs === undefined && isAgain) continue;
      this.#named.set(tenant, nowMs);
      told.push([tenant, sinceMs ?? dueMs]);
    }
    if (told.length === 0) return;
    this.#toldMs = nowMs;
    this.#endIsOwed = true;
    this.#warn(this.#withMost(told));
  }

  #warn(tenants: readonly HeldTenant[]): void {
    const more = this.#unnamed === 0 ? "" : ` and ${this.#unnamed} more`;
    this.#unnamed = 0;
    const who = tenants.map(({ tenant, bytes }) => `${tenant} (${bytesText(bytes)})`).join(", ");
    const fields = {
      destination: this.#name,
      code: "SST_TENANT_SHARE",
      hint: ERRORS.SST_TENANT_SHARE.hint,
      tenants: tenants.map(({ tenant }) => tenant),
    };
    const text = `over their share of ${bytesText(this.#shareBytes)} in the spool of ${this.#name}: ${who}${more}. Until some of it is delivered, webhooks of these tenants are refused and their other events are lost and counted; those of others are kept`;
    this.#log.warn(fields, text);
  }

  #end(): void {
    if (!this.#endIsOwed) return;
    this.#endIsOwed = false;
    const seconds = Math.round((Date.now() - this.#beganMs) / 1000);
    this.#log.info({ destination: this.#name }, `no tenant is over its share in the spool of ${this.#name} any more, after ${seconds} s`);
  }
}
