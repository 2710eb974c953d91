/**
 * What redaction removed from one message: the places, and for some a length and a keyed hash.
 *
 * Promise: the list is bounded, and values under secret names leave neither a length nor a hash.
 */
import { createHmac } from "node:crypto";

export const REMOVED = "[redacted]";
/** A message names so many places; the rest it counts. */
export const REMOVALS_LISTED_MAX = 32;
/** Shorter values could be guessed from their hash by who has the key, and from their length by anybody. */
const HASH_VALUE_BYTES_MIN = 16;
const PATH_CHARS_MAX = 200;

/**
 * Short keyed hash of a removed value: the same value gives the same hash under one key.
 *
 * @returns Undefined for values of fewer than 16 bytes.
 */
export function keyedHash(key: Buffer, value: string | Buffer): string | undefined {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  if (bytes.length < HASH_VALUE_BYTES_MIN) return undefined;
  return `hmac:${createHmac("sha256", key).update(bytes).digest("hex").slice(0, 16)}`;
}

export class Removals {
  /** JSON objects, in the order found. */
  readonly entries: string[] = [];
  /** Places beyond those listed. */
  more = 0;
  /** True once a value under a secret name was removed from a body: its length must not show otherwise. */
  secretInBody = false;
  private readonly key: Buffer;

  constructor(key: Buffer) {
    this.key = key;
  }

  /** True while another place would be listed: a path needn't be made for the others. */
  get listing(): boolean {
    return this.entries.length < REMOVALS_LISTED_MAX;
  }

  /** A value under a secret name: only its place is told. */
  secret(path: string): void {
    if (this.listing) this.entries.push(`{"path":${quotePath(path)}}`);
    else this.more++;
  }

  /** A value removed by a stream's own rule or a pattern. */
  value(path: string, value: string | Buffer, pattern: string | null): void {
    if (!this.listing) {
      this.more++;
      return;
    }
    let entry = `{"path":${quotePath(path)}`;
    if (pattern !== null) entry += `,"pattern":"${pattern}"`;
    const hash = keyedHash(this.key, value);
    if (hash !== undefined) entry += `,"length":${Buffer.byteLength(value)},"hash":"${hash}"`;
    this.entries.push(`${entry}}`);
  }

  hash(bytes: Buffer): string | undefined {
    return keyedHash(this.key, bytes);
  }

  /** An empty list under the same key. */
  another(): Removals {
    return new Removals(this.key);
  }

  /** Adds what another part of the message removed. */
  addAll(other: Removals): void {
    for (const entry of other.entries) {
      if (this.listing) this.entries.push(entry);
      else this.more++;
    }
    this.more += other.more;
  }
}

function quotePath(path: string): string {
  return JSON.stringify(path.length > PATH_CHARS_MAX ? `${path.slice(0, PATH_CHARS_MAX)}…` : path);
}
