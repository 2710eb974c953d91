/**
 * Blocks of whole numbers in one array: what is read together lies together, and a hundred thousand small lists cost the
 * garbage collector nothing.
 *
 * Promise: a block that is freed is used again; nothing is ever moved but by `resize`, which tells the new place.
 */

/** A block has 2 to the power of its class numbers; the smallest has 4. */
const CLASS_MIN = 2;
const CLASSES = 30;

/** An array at least `length` long, with what the given one holds: doubled, so that growing costs little on the whole. */
export function grown(ints: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  if (length <= ints.length) return ints;
  const larger = new Int32Array(Math.max(length, ints.length * 2));
  larger.set(ints);
  return larger;
}

function classOf(length: number): number {
  return Math.max(CLASS_MIN, 32 - Math.clz32(length - 1));
}

export class Arena {
  /** To be fetched anew after every call of `allocate` or `resize`. */
  ints: Int32Array<ArrayBuffer> = new Int32Array(1024);
  // Offset 0 stays unused, so that 0 can mean "none".
  #used = 4;
  readonly #free: number[][] = Array.from({ length: CLASSES }, () => []);

  /** Offset of a block for `length` numbers; what it holds is not defined. */
  allocate(length: number): number {
    const size = classOf(length);
    const reused = this.#free[size]?.pop();
    if (reused !== undefined) return reused;
    const offset = this.#used;
    this.#used += 2 ** size;
    this.ints = grown(this.ints, this.#used);
    return offset;
  }

  /** @param length - That it was allocated or last resized for. */
  free(offset: number, length: number): void {
    this.#free[classOf(length)]?.push(offset);
  }

  /** Makes room for `length` numbers; what was there is there again. @returns The block's offset from now on. */
  resize(offset: number, before: number, length: number): number {
    if (classOf(before) === classOf(length)) return offset;
    const target = this.allocate(length);
    this.ints.copyWithin(target, offset, offset + Math.min(before, length));
    this.free(offset, before);
    return target;
  }
}
