/**
 * What is missing in a topic, and what of it is explained.
 *
 * Promise: a hole counts as explained only where its very number is a dead letter, or waits in its log. What was dropped has
 * no names: it is told beside the holes that nothing explains.
 */
import { LISTED_MAX, type Series } from "./ledger.ts";
import type { KnownLog, Knowledge } from "./log-knowledge.ts";
import type { NumberRange } from "./number-set.ts";

export type Doubt = "deleted" | "elsewhere";

export interface SeriesVerdict {
  readonly series: Series;
  /** The first number that the topic has, and the last. 0: only replays are there. */
  readonly first: number;
  readonly last: number;
  /** Missing before the oldest message that a partition has left, whose beginning was deleted. No holes. */
  readonly deleted: number;
  /** Missing numbers, the explained ones with them. */
  readonly holes: number;
  readonly dead: number;
  readonly pending: number;
  readonly unexplained: number;
  /** Missing as a whole, with nothing to tell whether they were ever here. No holes. */
  readonly undecided: number;
  /** Why `undecided` is: the destination may have deleted them, or the log may be of another destination. */
  readonly doubt: Doubt | null;
  /** The first of the holes that nothing explains. */
  readonly ranges: readonly NumberRange[];
  /** The log that numbered it, where a data folder has it. */
  readonly log: KnownLog | null;
  /** Messages of the stream that its log gave up, by reason, whatever their topic. */
  readonly dropped: ReadonlyMap<string, number>;
}

/** Judges one stream of one log. The set of what was seen has what explains holes, too, afterwards. */
export function judge(series: Series, knowledge: Knowledge): SeriesVerdict {
  const { logId, stream, messages, seen } = series;
  // Replays alone may come from another topic. Later ones may be on their way; up to here the log said what waits.
  const next = messages === 0 ? undefined : knowledge.logs.get(logId)?.next?.get(stream);
  return judgeBelow(next ?? seen.highest + 1, series, knowledge);
}

function judgeBelow(end: number, series: Series, knowledge: Knowledge): SeriesVerdict {
  const { seen, logId, stream } = series;
  const [first, last] = [seen.lowest, seen.highest];
  const log = knowledge.logs.get(logId) ?? null;
  const begin = Math.max(1, ...series.firstLeft.values());
  const deleted = seen.countMissing(1, begin);
  const holes = seen.countMissing(begin, end);
  const known = knowledge.numbers(logId, stream);
  const explained = (what: "dead" | "pending"): number => {
    let count = 0;
    for (const number of known?.[what].numbers() ?? []) if (number >= begin && number < end && seen.add(number) === "new") count += 1;
    return count;
  };
  const [dead, pending] = [explained("dead"), explained("pending")];
  const ranges: NumberRange[] = [];
  for (const range of seen.missing(begin, end)) {
    ranges.push(range);
    if (ranges.length === LISTED_MAX) break;
  }
  const dropped = log?.dropped.get(stream) ?? new Map<string, number>();
  const unexplained = holes - dead - pending;
  return { series, first, last, deleted, holes, dead, pending, unexplained, undecided: 0, doubt: null, ranges, log, dropped };
}

/**
 * Judges a stream that a log numbered for the topic, of which the topic has nothing.
 *
 * @param next - The number that the next message gets.
 */
export function judgeAbsent(series: Series, next: number, knowledge: Knowledge, doubt: Doubt | null): SeriesVerdict {
  const verdict = judgeBelow(next, series, knowledge);
  const { dead, pending, unexplained } = verdict;
  if (doubt === null || unexplained === 0) return verdict;
  return { ...verdict, holes: dead + pending, unexplained: 0, ranges: [], undecided: unexplained, doubt };
}

/** Nothing is wrong with it, or all of it is explained. */
export function isWell({ series, unexplained }: SeriesVerdict): boolean {
  return series.doubles === 0 && series.outOfOrder === 0 && unexplained === 0;
}
