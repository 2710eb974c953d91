/**
 * What it all comes to: well, not well, or not verified.
 *
 * Promise: "all well" is said only where numbers were looked at, and nothing is left that can't be told.
 */
import { didYouMean } from "../../flow/match/suggest.ts";
import { counted, harmless } from "../output.ts";
import type { Double, Ledger, Place } from "./ledger.ts";
import { isWell, type SeriesVerdict } from "./verdict.ts";

export interface Found {
  readonly target: string;
  readonly topic: string;
  /** The only one that counted; null: all. */
  readonly stream: string | null;
  readonly ledger: Ledger;
  readonly verdicts: readonly SeriesVerdict[];
  /** Where the listed doubles stood first; one that is missing was deleted meanwhile. */
  readonly firstPlaces: ReadonlyMap<Double, Place>;
  /** What the reader, or the logs, had to say. */
  readonly notices: readonly string[];
  /** What may be missing, and probably belongs elsewhere. */
  readonly doubts: readonly string[];
  /** Streams of the logs that were looked at, whatever their topic. */
  readonly knownStreams: ReadonlySet<string>;
}

/** Streams that are named where the one that was meant isn't there. */
const NAMED_MAX = 10;

/** Nothing is wrong, or what is missing is explained to the last message; and something was there to look at. */
export function isAllWell(found: Found): boolean {
  return !isWrong(found) && unverified(found).length === 0;
}

function isWrong({ ledger, verdicts }: Found): boolean {
  return ledger.unchecked > 0 || !verdicts.every(isWell);
}

/** Why nothing, or not all, could be verified. */
export function unverified(found: Found): readonly string[] {
  const { topic, stream, ledger, verdicts } = found;
  const undecided = verdicts.filter((verdict) => verdict.undecided > 0);
  const reasons =
    undecided.length === 0 ? [] : [`of ${counted(undecided.length, "stream")} nothing is here, and nothing tells whether it ever was.`];
  // What waits or is dead was looked at, too.
  if (verdicts.some(({ series, holes, undecided: count }) => series.messages > 0 || holes > 0 || count > 0)) return reasons;
  if (ledger.messages === 0) return [`${topic} has no messages: there is nothing to verify.`];
  if (ledger.foreign === ledger.messages)
    return [`no message in ${topic} carries Sidestream's numbers, so that nothing can be verified. Is it the right topic?`];
  if (verdicts.length > 0) return [`${topic} has nothing but replays, and what is missing among those their numbers don't tell.`];
  return stream === null ? reasons : [noSuchStream(found, stream)];
}

function noSuchStream({ topic, ledger, knownStreams }: Found, stream: string): string {
  const met = [...ledger.otherStreams].toSorted();
  const more = met.length > NAMED_MAX ? ` and ${met.length - NAMED_MAX} more` : "";
  const others = met.length === 0 ? "" : ` It has ${harmless(met.slice(0, NAMED_MAX).join(", "))}${more}.`;
  const elsewhere = knownStreams.has(stream)
    ? ", though a log has it for other topics"
    : harmless(didYouMean(stream, [...met, ...knownStreams]));
  return `${topic} has no message of stream ${stream}${elsewhere}${elsewhere.endsWith("?") ? "" : "."}${others}`;
}

export function conclusion(found: Found): string {
  const { ledger, verdicts, doubts } = found;
  const reasons = unverified(found);
  if (isWrong(found)) {
    const sum = (of: (verdict: SeriesVerdict) => number): number => verdicts.reduce((total, verdict) => total + of(verdict), 0);
    const [doubles, missing, disorder] = [sum((v) => v.series.doubles), sum((v) => v.unexplained), sum((v) => v.series.outOfOrder)];
    const unchecked = ledger.unchecked === 0 ? "" : `, ${ledger.unchecked} not checked`;
    return `NOT WELL: ${doubles} doubled, ${missing} missing and not explained, ${disorder} out of order${unchecked}. What each means: docs/guarantees.md.`;
  }
  if (reasons.length > 0) return `NOT VERIFIED: ${reasons.join(" ")}`;
  const what = `${counted(ledger.messages, "message")} read, no doubles, nothing missing that is not explained.`;
  return doubts.length === 0 ? `All well: ${what}` : `Well, as far as can be told (see the notes): ${what}`;
}
