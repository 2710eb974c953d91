/**
 * The control records of a log that are in force: what the destination's driver keeps, and the messages that were taken
 * out of their lanes' numbers.
 *
 * Promise: they are told oldest first, as they were last written. Kinds that this release doesn't know are carried on.
 *
 * @see docs/spool-format.md, section 3
 */

/** A value of the driver's. Null: forgotten. */
export interface MemoryRecord {
  readonly kind: "record";
  readonly name: string;
  readonly value: unknown;
}

/** A refused message that its lane's numbers step over. */
export interface SkipRecord {
  readonly kind: "skip";
  readonly lane: string;
  readonly logSequence: number;
  readonly code: string;
}

interface Entry {
  readonly record: unknown;
  /** Of its JSON. */
  readonly bytes: number;
}

export class ControlRecords {
  /** Bytes of JSON of all of them. */
  bytes = 0;
  /** In the order in which they were last written. */
  readonly #entries = new Map<string, Entry>();
  readonly #values = new Map<string, unknown>();
  readonly #codes = new Map<number, string>();
  #unknown = 0;

  /** @param records - In the order in which they were written. */
  constructor(records: readonly unknown[] = []) {
    for (const record of records) this.apply(record);
  }

  /** How many are in force. */
  get size(): number {
    return this.#entries.size;
  }

  get skips(): number {
    return this.#codes.size;
  }

  /** Takes a record in, in place of an earlier one about the same. It must not be changed afterwards. */
  apply(record: unknown): void {
    const key = isMemory(record) ? nameKey(record.name) : isSkip(record) ? skipKey(record.logSequence) : `unknown ${this.#unknown++}`;
    this.#remove(key);
    if (isMemory(record)) {
      this.#values.delete(record.name);
      if (record.value === null) return;
      this.#values.set(record.name, record.value);
    } else if (isSkip(record)) {
      this.#codes.set(record.logSequence, record.code);
    }
    const bytes = Buffer.byteLength(JSON.stringify(record));
    this.#entries.set(key, { record, bytes });
    this.bytes += bytes;
  }

  /** Forgets skips of messages that are done. */
  forgetSkips(isDone: (logSequence: number) => boolean): void {
    for (const logSequence of this.#codes.keys()) {
      if (!isDone(logSequence)) continue;
      this.#codes.delete(logSequence);
      this.#remove(skipKey(logSequence));
    }
  }

  /** Bytes of the record under a name; 0 when there is none. */
  bytesOf(name: string): number {
    return this.#entries.get(nameKey(name))?.bytes ?? 0;
  }

  /** The value kept under a name; undefined when there is none. */
  value(name: string): unknown {
    return this.#values.get(name);
  }

  names(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** The code for which a message was skipped; null when it wasn't. */
  skipCode(logSequence: number): string | null {
    return this.#codes.get(logSequence) ?? null;
  }

  /** Those in force, oldest first. */
  list(): readonly unknown[] {
    return Array.from(this.#entries.values(), ({ record }) => record);
  }

  #remove(key: string): void {
    this.bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}

function nameKey(name: string): string {
  return `record ${name}`;
}

function skipKey(logSequence: number): string {
  return `skip ${logSequence}`;
}

function isMemory(record: unknown): record is MemoryRecord {
  const { kind, name } = fields(record);
  return kind === "record" && typeof name === "string";
}

function isSkip(record: unknown): record is SkipRecord {
  const { kind, logSequence, code } = fields(record);
  return kind === "skip" && typeof logSequence === "number" && typeof code === "string";
}

function fields(record: unknown): Readonly<Record<string, unknown>> {
  return typeof record === "object" && record !== null ? (record as Record<string, unknown>) : {};
}
