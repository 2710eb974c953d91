/** What `sidestream verify` found: as a table with sentences for people, and as JSON. */
import { counted, table } from "../output.ts";
import type { Double, Ledger, Place } from "./ledger.ts";
import type { NumberRange } from "./number-set.ts";
import { isWell, type SeriesVerdict } from "./verdict.ts";

export interface Found {
  readonly target: string;
  readonly topic: string;
  readonly ledger: Ledger;
  readonly verdicts: readonly SeriesVerdict[];
  /** Where the listed doubles stood first; one that is missing was deleted meanwhile. */
  readonly firstPlaces: ReadonlyMap<Double, Place>;
  /** What the reader, or the logs, had to say. */
  readonly notices: readonly string[];
}

/** Nothing is wrong, or what is missing is explained to the last message. */
export function isAllWell({ ledger, verdicts }: Found): boolean {
  return ledger.unchecked === 0 && verdicts.every(isWell);
}

export function forPrograms(found: Found): unknown {
  const { target, topic, ledger, verdicts, notices } = found;
  return {
    target,
    topic,
    ok: isAllWell(found),
    messages: ledger.messages,
    withoutEvidence: ledger.foreign,
    otherStreams: ledger.passedOver,
    unchecked: ledger.unchecked,
    partitions: [...ledger.partitions].map(([partition, { messages, isFromBegin }]) => ({ partition, messages, isFromBegin })),
    series: verdicts.map((verdict) => ({ ...seriesName(verdict.series), ...countsOf(verdict) })),
    doubles: ledger.doubles.map((double) => ({ ...placed(double), first: found.firstPlaces.get(double) ?? null })),
    outOfOrder: ledger.outOfOrder.map(placed),
    notices,
  };
}

function countsOf(verdict: SeriesVerdict): Record<string, unknown> {
  const { series, first, last, deleted, holes, dead, pending, unexplained, ranges, log, dropped } = verdict;
  const { messages, doubles, outOfOrder, orderUnknown, replays, redriven } = series;
  return {
    messages,
    first,
    last,
    deleted,
    doubles,
    holes,
    dead,
    pending,
    unexplained,
    // Both ends are in it, as a person would write it.
    unexplainedFirst: ranges.map(([from, to]) => ({ from, to: to - 1 })),
    outOfOrder,
    orderUnknown,
    replays,
    dataFolder: log?.data ?? null,
    dropped: log === null ? null : Object.fromEntries(dropped),
    redriven,
  };
}

function placed({ series, sequence, partition, offset }: Double): Record<string, unknown> {
  return { ...seriesName(series), sequence, partition, offset };
}

function seriesName({ instance, logId, stream }: SeriesVerdict["series"]): Record<string, string> {
  return { instance, log: logId, stream };
}

export function forPeople(found: Found): string {
  const { topic, ledger, verdicts, notices } = found;
  const head = ["instance", "stream", "log", "messages", "doubles", "holes", "dead", "pending", "unexplained", "out of order", "replays"];
  const rows = verdicts.map(({ series, holes, dead, pending, unexplained }) => {
    const { instance, stream, logId, messages, doubles, outOfOrder, replays } = series;
    return [instance, stream, logId, messages, doubles, holes, dead, pending, unexplained, outOfOrder, replays];
  });
  const parts = [
    rows.length === 0 ? `${topic} has no messages that Sidestream numbered.\n` : table(head, rows),
    ...lines([...verdicts.flatMap(aboutSeries), ...ledger.doubles.map((double) => aboutDouble(double, found.firstPlaces.get(double)))]),
    ...lines(ledger.outOfOrder.map(aboutOrder)),
    ...lines([...aboutRest(ledger), ...notices.map((notice) => `note: ${notice}`)]),
    `\n${conclusion(found)}\n`,
  ];
  return parts.join("");
}

/** A block of its own, where there is anything. */
function lines(texts: readonly string[]): string[] {
  return texts.length === 0 ? [] : ["\n", ...texts.map((text) => `${text}\n`)];
}

function aboutSeries(verdict: SeriesVerdict): string[] {
  const { series, first, deleted, pending, unexplained, ranges, log, dropped } = verdict;
  const of = `${series.stream} of ${series.instance}`;
  const texts: string[] = [];
  if (deleted > 0) texts.push(`${of} begins at ${first}: ${counted(deleted, "earlier message")} may have been deleted by the destination.`);
  if (pending > 0) texts.push(`${of}: not delivered yet: ${pending}.`);
  if (unexplained > 0) texts.push(`${of}: ${unexplained} missing and not explained: ${rangesText(ranges, unexplained)}${why(verdict)}`);
  if (series.orderUnknown > 0)
    texts.push(`${of}: of ${counted(series.orderUnknown, "message")} the order can't be told: the topic has too many keys.`);
  if (log !== null && dropped.size > 0) {
    const reasons = [...dropped].map(([reason, count]) => `${count} ${reason}`).join(", ");
    texts.push(`${of}: its log gave up messages of this stream, of whatever topic: ${reasons}. They are among the holes.`);
  }
  if (series.redriven > 0)
    texts.push(`${of}: ${counted(series.redriven, "dead letter")} came after all (redrive), behind later messages of its key.`);
  return texts;
}

/** What a person can do about a hole that nothing explains. */
function why({ log }: SeriesVerdict): string {
  if (log === null) return ". Name the data folder that has its log with --data: dead letters and what waits are known there.";
  return log.next === null ? ". Its log lost its state to damage: `sidestream spool fsck`." : ".";
}

function rangesText(ranges: readonly NumberRange[], count: number): string {
  const told = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  const text = ranges.map(([from, to]) => (to - from === 1 ? String(from) : `${from} to ${to - 1}`)).join(", ");
  return told < count ? `${text} and ${count - told} more` : text;
}

function aboutDouble({ series, sequence, partition, offset }: Double, first: Place | undefined): string {
  const before = first === undefined ? "deleted meanwhile" : `at ${placeText(first)}`;
  return `double: ${series.stream} of ${series.instance}, ${sequence}: first ${before}, again at ${placeText({ partition, offset })}`;
}

function aboutOrder({ series, sequence, partition, offset }: Double): string {
  return `out of order: ${series.stream} of ${series.instance}, ${sequence} at ${placeText({ partition, offset })} is behind a later message of its key`;
}

function placeText({ partition, offset }: Place): string {
  return `partition ${partition} offset ${offset}`;
}

function aboutRest({ foreign, passedOver, unchecked }: Ledger): string[] {
  const texts: string[] = [];
  if (foreign > 0) texts.push(`${counted(foreign, "message")} without a number of Sidestream's: somebody else's.`);
  if (passedOver > 0) texts.push(`${counted(passedOver, "message")} of other streams.`);
  if (unchecked > 0)
    texts.push(
      `${counted(unchecked, "message")} could not be checked: their numbers are scattered wider, or over more logs, than fits into memory.`,
    );
  return texts;
}

function conclusion(found: Found): string {
  const { ledger, verdicts } = found;
  if (isAllWell(found)) return `All well: ${counted(ledger.messages, "message")} read, no doubles, nothing missing that is not explained.`;
  const sum = (of: (verdict: SeriesVerdict) => number): number => verdicts.reduce((total, verdict) => total + of(verdict), 0);
  const [doubles, missing, disorder] = [sum((v) => v.series.doubles), sum((v) => v.unexplained), sum((v) => v.series.outOfOrder)];
  const unchecked = ledger.unchecked === 0 ? "" : `, ${ledger.unchecked} not checked`;
  return `NOT WELL: ${doubles} doubled, ${missing} missing and not explained, ${disorder} out of order${unchecked}. What each means: docs/guarantees.md.`;
}
