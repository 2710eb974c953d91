/** Where a search is: enough to come to the same point again. */
import { seededRandom, type Random } from "../memory-disk.ts";

export interface Place {
  readonly family: string;
  readonly seed: number;
  /** Number of the history in its family. */
  readonly history: number;
  /** Which of its lives, and with which fault. */
  readonly part: string;
  /** Entries of the journal before the crash; null: the life itself broke a promise. */
  readonly operation: number | null;
  /** What of the disk survived, and what was done to it besides. */
  readonly survivors: string;
}

/** As one word for the command line. */
export function placeText({ family, seed, history, part, operation, survivors }: Place): string {
  return [family, seed, history, part, operation ?? "", survivors].join(":");
}

/** @returns Null when it is no place. */
export function placeOf(text: string): Place | null {
  const [family, seed, history, part, operation, survivors, ...more] = text.split(":");
  if (survivors === undefined || more.length > 0) return null;
  const place = {
    family: family as string,
    seed: Number(seed),
    history: Number(history),
    part: part as string,
    operation: operation === "" ? null : Number(operation),
    survivors,
  };
  const isWhole = Number.isSafeInteger(place.seed) && Number.isSafeInteger(place.history) && Number.isSafeInteger(place.operation ?? 0);
  return isWhole ? place : null;
}

/** Random numbers of their own for each purpose, the same for the same seed. */
export function randomFor(seed: number, ...purpose: readonly (string | number)[]): Random {
  let mixed = seed >>> 0;
  for (const letter of purpose.join("/")) mixed = Math.imul(mixed ^ (letter.codePointAt(0) ?? 0), 0x0100_0193) >>> 0;
  return seededRandom(mixed);
}
