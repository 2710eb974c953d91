/** Writes journals, and acks, for tests, by docs/journal-format.md and nothing else: the plugin is another reader of that page. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

export interface WrittenEvent {
  readonly topic: string;
  readonly wallet?: string;
  readonly label?: string;
  readonly state?: string;
  readonly recordId?: string;
  readonly payload?: unknown;
}

export interface BootOptions {
  readonly boot?: string;
  readonly description?: Readonly<Record<string, unknown>>;
  readonly format?: number;
}

/** A segment's header. */
export function segmentHeader(number: number, firstSequence: number, salt: number, { boot, description, format }: BootOptions): Buffer {
  const text = Buffer.from(JSON.stringify(description ?? { agent: "agent-1" }));
  const header = Buffer.alloc(64 + text.length + 4);
  header.write("SSTJRNAL", 0, "latin1");
  header.writeUInt32LE(format ?? 1, 8);
  header.writeUInt32LE(header.length, 12);
  header.write(boot ?? BOOT, 16, "hex");
  header.writeBigUInt64LE(BigInt(number), 32);
  header.writeBigUInt64LE(BigInt(firstSequence), 40);
  header.writeUInt32LE(salt, 48);
  header.writeUInt32LE(text.length, 52);
  header.writeBigUInt64LE(1_800_000_000_000_000_000n, 56);
  text.copy(header, 64);
  header.writeUInt32LE(crc32(header.subarray(0, -4)), header.length - 4);
  return header;
}

/** One record. @param payload - Empty for a gap. */
export function record(sequence: number, kind: number, attributes: unknown, payload: Buffer, salt: number): Buffer {
  const text = Buffer.from(JSON.stringify(attributes));
  const bytes = Buffer.alloc(32 + text.length + payload.length);
  bytes.writeUInt32LE(bytes.length, 4);
  bytes.writeBigUInt64LE(BigInt(sequence), 8);
  bytes.writeBigUInt64LE(1_800_000_000_000_000_000n + BigInt(sequence), 16);
  bytes.writeUInt8(kind, 24);
  bytes.writeUInt32LE(text.length, 28);
  text.copy(bytes, 32);
  payload.copy(bytes, 32 + text.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(4), salt), 0);
  return bytes;
}

export interface WrittenAck {
  readonly boot: string;
  readonly sequence: number;
  readonly segment: number;
  readonly claimed: number;
}

/** What a reader writes into the file `ack`. */
export function ackText(ack: WrittenAck): string {
  const { boot, sequence, segment, claimed } = ack;
  return JSON.stringify({ version: 1, ...ack, checksum: crc32(`${boot} ${sequence} ${segment} ${claimed}`) }).padEnd(512);
}

export const BOOT = "b0".repeat(16);
const FILE_MODE = 0o600;

export class JournalWriter {
  readonly folder: string;
  readonly boot: string;
  readonly #options: BootOptions;
  #number: number;
  #salt = 0;
  sequence = 0;

  /** Begins a boot whose first segment has this number. */
  constructor(folder: string, options: BootOptions = {}, number = 1) {
    this.folder = folder;
    this.boot = options.boot ?? BOOT;
    this.#options = options;
    this.#number = number - 1;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.roll();
  }

  get path(): string {
    return join(this.folder, `${String(this.#number).padStart(16, "0")}.journal`);
  }

  get salt(): number {
    return this.#salt;
  }

  /** Begins a segment. */
  roll(): void {
    this.#number += 1;
    this.#salt = 1000 + this.#number;
    writeFileSync(this.path, segmentHeader(this.#number, this.sequence + 1, this.#salt, this.#options), { mode: FILE_MODE });
  }

  /** @returns Id of the event in messages. */
  append({ payload, ...attributes }: WrittenEvent): string {
    this.raw(this.next(attributes, Buffer.from(JSON.stringify(payload ?? {}))));
    return `${this.boot}/${this.sequence}`;
  }

  /** The bytes of the next record, which is not written. */
  next(attributes: unknown, payload: Buffer): Buffer {
    this.sequence += 1;
    return record(this.sequence, 1, attributes, payload, this.#salt);
  }

  gap(last: number, reason: string): void {
    this.raw(record(this.sequence + 1, 2, { last, reason }, Buffer.alloc(0), this.#salt));
    this.sequence = last;
  }

  raw(bytes: Buffer): void {
    appendFileSync(this.path, bytes);
  }

  heartbeat(more: Readonly<Record<string, unknown>> = {}): void {
    const said = { version: 1, boot: this.boot, atMs: Date.now(), everyMs: 5000, sequence: this.sequence, ...more };
    writeFileSync(join(this.folder, "heartbeat"), JSON.stringify(said), { mode: FILE_MODE });
  }
}
