/**
 * What a log holds that is not done: messages by stream and tenant, and bytes by tenant.
 *
 * Promise: both change together. A tenant that has nothing waiting holds no bytes, whatever damage took.
 */
import { OTHER_TENANTS, TenantCounts, type StreamTable } from "./log-state.ts";

interface Holding {
  messages: number;
  bytes: number;
}

export class PendingMessages {
  readonly #counts = new TenantCounts();
  readonly #holdings = new Map<string, Holding>();
  /** Of all tenants. */
  total = 0;

  /** @param tenant - As the log counts it: beyond a bound tenants are summed. */
  add(stream: string, tenant: string, messages: number, bytes: number): void {
    this.#counts.add(stream, tenant, messages);
    this.total += messages;
    if (tenant === OTHER_TENANTS) return;
    const holding = this.#holdings.get(tenant) ?? { messages: 0, bytes: 0 };
    holding.messages += messages;
    holding.bytes = Math.max(0, holding.bytes + bytes);
    if (holding.messages > 0) this.#holdings.set(tenant, holding);
    else this.#holdings.delete(tenant);
  }

  /** Bytes that a tenant's messages take. Those of tenants that are summed are not known one by one: 0. */
  bytesOf(tenant: string): number {
    return this.#holdings.get(tenant)?.bytes ?? 0;
  }

  /** Of a tenant's messages. */
  meanBytesOf(tenant: string): number {
    const holding = this.#holdings.get(tenant);
    return holding === undefined ? 0 : Math.ceil(holding.bytes / holding.messages);
  }

  table(): StreamTable {
    return this.#counts.table();
  }
}
