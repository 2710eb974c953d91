/**
 * The data of the sample library: invented users, groups, items and loans of two tenants, in memory.
 *
 * Promise: the same calls give the same ids, so that a demo can be repeated; no tenant holds more than a bounded
 * number of records of a kind, the oldest going first.
 */
import { createHash } from "node:crypto";

export const SAMPLE_TENANTS = ["diku", "testlib"] as const;

/** More than a demo makes in an hour, less than would show in memory. */
const RECORDS_MAX = 500;

export type RecordKind = "users" | "groups" | "items" | "loans";

export interface SampleRecord {
  readonly id: string;
  readonly [field: string]: unknown;
}

/** Reading this item fails, so that the demo has an error to show. */
export const BROKEN_BARCODE = "9000";

const GROUPS = ["faculty", "staff", "patron"];
const PEOPLE = [
  ["ada", "Ada", "Okonkwo"],
  ["bruno", "Bruno", "Silvestri"],
  ["chitra", "Chitra", "Menon"],
  ["dagny", "Dagny", "Lindqvist"],
  ["emre", "Emre", "Yalçın"],
] as const;
const TITLES = [
  "A Field Guide to Quiet Rivers",
  "The Cataloguer's Apprentice",
  "Moss: An Unhurried History",
  "Bridges We Did Not Build",
  "Letters from the Seventh Floor",
  "Tide Tables for Beginners",
];

/** The records of one tenant. */
export class SampleRecords {
  readonly #tenant: string;
  readonly #kinds: Record<RecordKind, Map<string, SampleRecord>> = {
    users: new Map(),
    groups: new Map(),
    items: new Map(),
    loans: new Map(),
  };
  #made = 0;

  constructor(tenant: string) {
    this.#tenant = tenant;
    for (const group of GROUPS) this.add("groups", { group, desc: `${group} members` });
    const groupIds = this.all("groups").map((group) => group.id);
    for (const [index, [username, firstName, lastName]] of PEOPLE.entries()) {
      this.add("users", {
        username,
        active: true,
        patronGroup: groupIds[index % groupIds.length],
        personal: { firstName, lastName, email: `${username}@${tenant}.example`, preferredContactTypeId: "002" },
      });
    }
    for (const [index, title] of TITLES.entries())
      this.add("items", { title, barcode: String(1000 + index), status: { name: "Available" } });
    this.add("items", { title: "The Unreadable Volume", barcode: BROKEN_BARCODE, status: { name: "Unknown" } });
  }

  all(kind: RecordKind): SampleRecord[] {
    return [...this.#kinds[kind].values()];
  }

  find(kind: RecordKind, id: string): SampleRecord | undefined {
    return this.#kinds[kind].get(id);
  }

  /** Adds a record under an id of its own making, unless the fields bring one. */
  add(kind: RecordKind, fields: Readonly<Record<string, unknown>>): SampleRecord {
    const records = this.#kinds[kind];
    const id = typeof fields["id"] === "string" ? fields["id"] : this.#nextId(kind);
    const record: SampleRecord = { ...fields, id };
    records.set(id, record);
    const oldest = records.keys().next().value;
    if (records.size > RECORDS_MAX && oldest !== undefined) records.delete(oldest);
    return record;
  }

  /** Replaces a record; false when there is none of that id. */
  replace(kind: RecordKind, id: string, fields: Readonly<Record<string, unknown>>): boolean {
    if (!this.#kinds[kind].has(id)) return false;
    this.#kinds[kind].set(id, { ...fields, id });
    return true;
  }

  remove(kind: RecordKind, id: string): boolean {
    return this.#kinds[kind].delete(id);
  }

  /** A UUID made from what it counts, not from chance. */
  #nextId(kind: RecordKind): string {
    this.#made += 1;
    const hex = createHash("sha256").update(`${this.#tenant}/${kind}/${this.#made}`).digest("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }
}
