/**
 * The memory that a numbered driver gets from the contract's bench, in place of the spool.
 *
 * Promise: as on a disk, a value is kept some time after `set` was called and not before; what a driver can't have back
 * from JSON is refused at once.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { MEMORY_VALUE_BYTES_MAX, type DestinationMemory, type MemoryChanges } from "../destination.ts";

/** The numbers of messages begin here, so that a driver which takes them for numbers of a lane is found. */
const FIRST_SEQUENCE = 1_000;

/** As in the spool. */
const NAME_BYTES_MAX = 512;

/** What a copy of the data folder holds of a memory. */
export interface MemoryCopy {
  readonly kept: ReadonlyMap<string, string>;
  readonly nextSequence: number;
}

export class ContractMemory implements DestinationMemory {
  readonly #kept = new Map<string, string>();
  #turn: Promise<void> = Promise.resolve();
  #disk: Promise<void> = Promise.resolve();
  #release: () => void = () => {};
  nextSequence = FIRST_SEQUENCE;

  get(name: string): unknown {
    const text = this.#kept.get(name);
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  }

  names(): readonly string[] {
    return [...this.#kept.keys()];
  }

  set(name: string, value: unknown): Promise<void> {
    assert(Buffer.byteLength(name) <= NAME_BYTES_MAX, `a name of ${Buffer.byteLength(name)} bytes is too long for the memory`);
    const text = JSON.stringify(value) as string | undefined;
    assert(text !== undefined, `the memory's ${name} is nothing that JSON can hold`);
    assert(Buffer.byteLength(text) <= MEMORY_VALUE_BYTES_MAX, `the memory's ${name} is too large`);
    assert.deepEqual(JSON.parse(text), value, `the memory's ${name} is not the same when it is read back from JSON`);
    this.#turn = this.#turn.then(async () => {
      await setImmediate();
      await this.#disk;
      if (value === null) this.#kept.delete(name);
      else this.#kept.set(name, text);
    });
    return this.#turn;
  }

  async change(changes: MemoryChanges): Promise<void> {
    for (const [name, value] of changes) await this.set(name, value);
  }

  /** As a copy of the data folder has it now. */
  copy(): MemoryCopy {
    return { kept: new Map(this.#kept), nextSequence: this.nextSequence };
  }

  /** An older copy of the data folder is put back: numbers of messages are given once more, too. */
  putBack({ kept, nextSequence }: MemoryCopy): void {
    this.#kept.clear();
    for (const [name, text] of kept) this.#kept.set(name, text);
    this.nextSequence = nextSequence;
  }

  /** Everything is lost, as with the disk. */
  lose(): void {
    this.#kept.clear();
  }

  /** From now on the disk takes nothing, until `release`. */
  hold(): void {
    const held = Promise.withResolvers<void>();
    this.#disk = held.promise;
    this.#release = held.resolve;
  }

  release(): void {
    this.#release();
  }
}
