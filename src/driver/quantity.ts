/** Sizes and durations as people write them: `10GiB`, `30d`. */
import { z } from "zod";

const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const SIZE = /^(\d{1,15})(B|KiB|MiB|GiB|TiB)$/;
const DURATION = /^(\d{1,15})(ms|s|m|h|d)$/;

const SIZE_EXPECTED = "expected a size such as 10GiB, 64KiB or a whole number of bytes";
const DURATION_EXPECTED = "expected a duration such as 30d, 12h, 5m, 30s or 200ms";

/** Bytes that a text such as `64KiB` stands for; undefined when it isn't one. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(SIZE.exec(text), SIZE_UNITS);
}

/** Milliseconds that a text such as `30d` stands for; undefined when it isn't one. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(DURATION.exec(text), DURATION_UNITS);
}

function parseQuantity(match: RegExpExecArray | null, units: Readonly<Record<string, number>>): number | undefined {
  if (match === null) return undefined;
  const value = Number(match[1]) * (units[match[2] ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** `10GiB` for a whole number of a unit, else bytes. */
export function formatSize(bytes: number): string {
  for (const unit of ["TiB", "GiB", "MiB", "KiB"]) {
    const size = SIZE_UNITS[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes} bytes`;
}

/** `30d` for a whole number of a unit. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ["d", "h", "m", "s"]) {
    const length = DURATION_UNITS[unit] ?? 1;
    if (milliseconds >= length && milliseconds % length === 0) return `${milliseconds / length}${unit}`;
  }
  return `${milliseconds}ms`;
}

/** A size in bytes within bounds, both included. */
export function size(bytesMin: number, bytesMax: number) {
  return z.union([z.int(), z.string().regex(SIZE, { error: SIZE_EXPECTED })], { error: SIZE_EXPECTED }).transform((value, context) => {
    const bytes = typeof value === "number" ? value : parseSize(value);
    if (bytes !== undefined && bytes >= bytesMin && bytes <= bytesMax) return bytes;
    context.addIssue({ code: "custom", message: `expected a size from ${formatSize(bytesMin)} to ${formatSize(bytesMax)}` });
    return z.NEVER;
  });
}

/** A duration in milliseconds within bounds, both included. */
export function duration(milliMin: number, milliMax: number) {
  return z
    .string({ error: DURATION_EXPECTED })
    .regex(DURATION, { error: DURATION_EXPECTED })
    .transform((value, context) => {
      const milliseconds = parseDuration(value);
      if (milliseconds !== undefined && milliseconds >= milliMin && milliseconds <= milliMax) return milliseconds;
      context.addIssue({ code: "custom", message: `expected a duration from ${formatDuration(milliMin)} to ${formatDuration(milliMax)}` });
      return z.NEVER;
    });
}
