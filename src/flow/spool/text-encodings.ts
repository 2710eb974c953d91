/**
 * Writes texts that many messages have: streams, tenants, topics, names of headers.
 *
 * Promise: the bytes are those of UTF-8, whatever comes; what is kept in memory is bounded.
 */

/** Longer ones are seldom the same. */
const TEXT_LENGTH_MAX = 64;
const TEXTS_MAX = 4_096;

export class TextEncodings {
  readonly #known = new Map<string, Buffer>();

  /** Writes a text's bytes, with their number (u32) before them. @returns Where what follows begins. */
  write(target: Buffer, at: number, text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) {
      target.set(known, at);
      return at + known.length;
    }
    const end = writeText(target, at, text);
    if (text.length <= TEXT_LENGTH_MAX) {
      if (this.#known.size >= TEXTS_MAX) this.#known.clear();
      this.#known.set(text, Buffer.from(target.subarray(at, end)));
    }
    return end;
  }
}

/** As `write`, for a text that is hardly ever the same twice. */
export function writeText(target: Buffer, at: number, text: string): number {
  const bytes = target.write(text, at + 4);
  target.writeUInt32LE(bytes, at);
  return at + 4 + bytes;
}
