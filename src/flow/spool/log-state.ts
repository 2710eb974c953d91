/**
 * What a log carries from segment to segment: the next number of each stream and topic, the messages accepted per
 * stream and tenant, how far each source was read, and the control records.
 *
 * Promise: a state frame opens every segment and the summary closes it, so that no earlier segment is needed to know
 * them. Tables are bounded: topics by a limit, tenants by summing the rest.
 */
import { SidestreamError } from "../../errors.ts";

/** Tenants counted apart in one log; the rest are summed. Keeps the state frame under a few MiB. */
const TENANT_KEYS_MAX = 20_000;
/** Tenant under which all tenants beyond the bound are summed. Not a name that a tenant may have. */
export const OTHER_TENANTS = "~other";

/** A table keyed by stream and a second name, as it stands in the file. */
export type StreamTable = Record<string, Record<string, number>>;

export interface LogStateRecord {
  readonly version: 1;
  /** Next number per stream and topic, from 1. */
  readonly sequences: StreamTable;
  /** Messages ever appended per stream and tenant. */
  readonly accepted: StreamTable;
  /** Source and boot → position of the last event that a message was appended of; all before it are through. */
  readonly progress: Record<string, number>;
  /** The same keys → stream and topic, with a space between, of each message of that event. */
  readonly begun?: Record<string, readonly string[]>;
  /** Control records in force, oldest first. */
  readonly control: readonly unknown[];
  /** Topics that `sequences` doesn't have begin above this: so many messages were lost whose topics nobody knows. Absent: 0. */
  readonly floor?: number;
}

interface TopicNumber {
  next: number;
  /** As of the batch that is being written. */
  sealed: number;
  /** As of the last batch on disk. */
  durable: number;
}

/** Numbers per stream and topic; they can be taken back to what is on disk when a batch could not be written. */
export class TopicNumbers {
  readonly #streams = new Map<string, Map<string, TopicNumber>>();
  readonly #touched = new Set<TopicNumber>();
  readonly #topicsMax: number;
  /** Number before the first of a topic that isn't known. */
  readonly #floor: number;
  #topics = 0;

  constructor(topicsMax: number, floor: number) {
    this.#topicsMax = topicsMax;
    this.#floor = floor;
  }

  /**
   * The number that the next message of this stream and topic will have.
   *
   * @throws SidestreamError `SST_TOPIC_LIMIT` when it would be one topic too many.
   */
  peek(stream: string, topic: string): number {
    const known = this.#streams.get(stream)?.get(topic);
    if (known !== undefined) return known.next;
    if (this.#topics >= this.#topicsMax) {
      throw new SidestreamError("SST_TOPIC_LIMIT", `the log has ${this.#topics} distinct topics; "${topic}" would be one more`);
    }
    return this.#floor + 1;
  }

  take(stream: string, topic: string): void {
    const entry = this.#entry(stream, topic);
    entry.next += 1;
    this.#touched.add(entry);
  }

  /** Takes a message into account that was found on disk. */
  found(stream: string, topic: string, sequence: number): void {
    const entry = this.#entry(stream, topic);
    entry.next = Math.max(entry.next, sequence + 1);
    entry.sealed = entry.durable = entry.next;
  }

  sealBatch(): void {
    for (const entry of this.#touched) entry.sealed = entry.next;
  }

  batchDurable(): void {
    for (const entry of this.#touched) {
      entry.durable = entry.sealed;
      if (entry.next === entry.durable) this.#touched.delete(entry);
    }
  }

  /** Takes back every number that is not on disk. */
  rollBack(): void {
    for (const entry of this.#touched) entry.next = entry.sealed = entry.durable;
    this.#touched.clear();
  }

  /** The next numbers, those of messages not on disk yet included. */
  table(): StreamTable {
    return tableOf(this.#streams, (entry) => entry.next);
  }

  /** The next numbers by what is on disk. */
  durableTable(): StreamTable {
    return tableOf(this.#streams, (entry) => entry.durable);
  }

  load(table: StreamTable): void {
    for (const [stream, topics] of Object.entries(table))
      for (const [topic, next] of Object.entries(topics)) this.found(stream, topic, next - 1);
  }

  #entry(stream: string, topic: string): TopicNumber {
    let topics = this.#streams.get(stream);
    if (topics === undefined) this.#streams.set(stream, (topics = new Map()));
    let entry = topics.get(topic);
    if (entry === undefined) {
      const next = this.#floor + 1;
      topics.set(topic, (entry = { next, sealed: next, durable: next }));
      this.#topics += 1;
    }
    return entry;
  }
}

/** Messages per stream and tenant, bounded. */
export class TenantCounts {
  /** The first tenant that was met; null before. */
  #first: string | null = null;
  #isShared = false;
  readonly #streams = new Map<string, Map<string, { count: number }>>();
  /** Counted last: the next one is often the same. */
  #last: { readonly stream: string; readonly tenant: string; readonly entry: { count: number } } | null = null;
  #keys = 0;

  /** Adds, and returns the tenant under which it was counted. Adding 0 makes room for a tenant and asks its name. */
  add(stream: string, tenant: string, count: number): string {
    if (this.#last !== null && this.#last.stream === stream && this.#last.tenant === tenant) {
      this.#last.entry.count += count;
      return tenant;
    }
    let tenants = this.#streams.get(stream);
    if (tenants === undefined) this.#streams.set(stream, (tenants = new Map()));
    const known = tenants.get(tenant);
    if (known !== undefined) {
      known.count += count;
      this.#last = { stream, tenant, entry: known };
      return tenant;
    }
    if (this.#keys >= TENANT_KEYS_MAX && tenant !== OTHER_TENANTS) return this.add(stream, OTHER_TENANTS, count);
    this.#keys += 1;
    tenants.set(tenant, { count });
    this.isShared(tenant);
    return tenant;
  }

  /** Whether there was ever another tenant than this one, which is known from now on. */
  isShared(tenant: string): boolean {
    if (this.#isShared || tenant === this.#first) return this.#isShared;
    if (this.#first === null) this.#first = tenant;
    else this.#isShared = true;
    return this.#isShared;
  }

  /** The tenant under which one is counted. */
  keyOf(stream: string, tenant: string): string {
    return this.#streams.get(stream)?.has(tenant) === true ? tenant : OTHER_TENANTS;
  }

  table(): StreamTable {
    return tableOf(this.#streams, (entry) => entry.count);
  }

  load(table: StreamTable): void {
    for (const [stream, tenants] of Object.entries(table))
      for (const [tenant, count] of Object.entries(tenants)) this.add(stream, tenant, count);
  }

  total(): number {
    let total = 0;
    for (const tenants of this.#streams.values()) for (const { count } of tenants.values()) total += count;
    return total;
  }
}

/** Names come from outside, `__proto__` among them: the tables have no prototype. */
function tableOf<Entry>(streams: ReadonlyMap<string, ReadonlyMap<string, Entry>>, value: (entry: Entry) => number): StreamTable {
  const table = Object.create(null) as StreamTable;
  for (const [stream, entries] of streams) {
    const row = Object.create(null) as Record<string, number>;
    for (const [name, entry] of entries) row[name] = value(entry);
    table[stream] = row;
  }
  return table;
}
