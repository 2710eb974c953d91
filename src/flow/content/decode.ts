/**
 * Undoes the content codings of a body: gzip, deflate (with and without its zlib frame), br, zstd.
 *
 * Promise: all or nothing. A body comes back whole, or with the reason why not; the bytes made are bounded before the
 * first one is made, so a small body can't fill the memory. Anything behind the end of the coded data is damage.
 */
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from "node:zlib";

/** More codings than this on one body are not a use, they are an attack. */
const CODINGS_MAX = 3;
const NONE: readonly string[] = [];
/** Frames of one zstd body; compressors that work in parallel write several. */
const FRAMES_MAX = 64;
/** A body may always grow to this size; beyond it, only by the ratio. */
const RATIO_FREE_BYTES = 1024 * 1024;
/** Text compresses 3 to 20 times, logs up to 100 times; what grows more is made to. */
const RATIO_MAX = 200;

export type Decoded = Buffer | "undecodable" | "too-large";

interface Info {
  readonly buffer: Buffer;
  /** Bytes of the input that were used up. */
  readonly engine: { readonly bytesWritten: number };
}
type Decoder = (bytes: Buffer, options: { readonly maxOutputLength: number; readonly info: true }) => Info;

const gunzip = gunzipSync as unknown as Decoder;
const inflate = inflateSync as unknown as Decoder;
const inflateRaw = inflateRawSync as unknown as Decoder;
const unbrotli = brotliDecompressSync as unknown as Decoder;
const unzstd = zstdDecompressSync as unknown as Decoder;

/**
 * Reads a `Content-Encoding` value.
 *
 * @returns The codings in the order applied, lower case, without `identity`; null when there are too many.
 */
export function readCodings(value: string): readonly string[] | null {
  if (value === "") return NONE;
  const codings: string[] = [];
  for (const part of value.split(",")) {
    const coding = part.trim().toLowerCase();
    if (coding !== "" && coding !== "identity") codings.push(coding);
  }
  return codings.length > CODINGS_MAX ? null : codings;
}

/**
 * Undoes codings, the last applied first.
 *
 * @param decodedBytesMax - Most bytes any step may make. Above 1 MiB a step may also not make more than 200 times the
 * bytes of the body.
 */
export function decode(bytes: Buffer, codings: readonly string[], decodedBytesMax: number): Decoded {
  const bytesMax = Math.min(decodedBytesMax, Math.max(RATIO_FREE_BYTES, bytes.length * RATIO_MAX));
  let current = bytes;
  for (let index = codings.length - 1; index >= 0; index--) {
    const made = undo(current, codings[index] ?? "", bytesMax);
    if (typeof made === "string") return made;
    current = made;
  }
  return current.length > decodedBytesMax ? "too-large" : current;
}

function undo(bytes: Buffer, coding: string, bytesMax: number): Decoded {
  switch (coding) {
    case "gzip":
    case "x-gzip":
      return run(gunzip, bytes, bytesMax);
    case "deflate":
      // RFC 9110 means zlib's frame; some programs send the bare stream, and browsers take both.
      return isZlibFrame(bytes) ? run(inflate, bytes, bytesMax) : run(inflateRaw, bytes, bytesMax);
    case "br":
      return run(unbrotli, bytes, bytesMax);
    case "zstd":
      return undoFrames(bytes, bytesMax);
    default:
      return "undecodable";
  }
}

/** A zlib frame's first two bytes: method 8, and a number that 31 divides. */
function isZlibFrame(bytes: Buffer): boolean {
  if (bytes.length < 2) return true;
  return ((bytes[0] ?? 0) & 0x0f) === 8 && bytes.readUInt16BE(0) % 31 === 0;
}

function run(decoder: Decoder, bytes: Buffer, bytesMax: number): Decoded {
  const made = runOnce(decoder, bytes, bytesMax);
  if (typeof made === "string") return made;
  return made.engine.bytesWritten === bytes.length ? made.buffer : "undecodable";
}

/** The library stops after one zstd frame; a body may hold several. */
function undoFrames(bytes: Buffer, bytesMax: number): Decoded {
  const frames: Buffer[] = [];
  let made = 0;
  for (let rest = bytes, count = 0; rest.length > 0 || count === 0; count++) {
    if (count === FRAMES_MAX) return "too-large";
    const frame = runOnce(unzstd, rest, bytesMax - made);
    if (typeof frame === "string") return frame;
    if (frame.engine.bytesWritten === 0) return "undecodable";
    frames.push(frame.buffer);
    made += frame.buffer.length;
    rest = rest.subarray(frame.engine.bytesWritten);
  }
  return frames.length === 1 ? (frames[0] ?? Buffer.alloc(0)) : Buffer.concat(frames);
}

function runOnce(decoder: Decoder, bytes: Buffer, bytesMax: number): Info | "undecodable" | "too-large" {
  try {
    return decoder(bytes, { maxOutputLength: Math.max(1, bytesMax), info: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "ERR_BUFFER_TOO_LARGE") return "too-large";
    // Every fault of the data itself is one of zlib's codes; anything else is ours.
    if (typeof code === "string" && /^(Z_|ERR_ZLIB|ERR__ERROR|ERR_BROTLI|ZSTD_|ERR_)/.test(code)) return "undecodable";
    throw error;
  }
}
