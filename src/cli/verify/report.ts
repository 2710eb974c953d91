/** What `sidestream verify` found: as a table with sentences for people, and as JSON. */
import { counted, harmless, table } from "../output.ts";
import { nameOf } from "./absent.ts";
import { conclusion, isAllWell, unverified, type Found } from "./conclusion.ts";
import type { Double, Ledger, Place } from "./ledger.ts";
import type { NumberRange } from "./number-set.ts";
import type { SeriesVerdict } from "./verdict.ts";

export function forPrograms(found: Found): unknown {
  const { target, topic, ledger, verdicts, notices, doubts } = found;
  return {
    target,
    topic,
    ok: isAllWell(found),
    unverified: unverified(found),
    messages: ledger.messages,
    withoutEvidence: ledger.foreign,
    otherStreams: ledger.passedOver,
    unchecked: ledger.unchecked,
    partitions: [...ledger.partitions].map(([partition, { messages, isFromBegin }]) => ({ partition, messages, isFromBegin })),
    series: verdicts.map((verdict) => ({ ...seriesName(verdict.series), ...countsOf(verdict) })),
    doubles: ledger.doubles.map((double) => ({ ...placed(double), first: found.firstPlaces.get(double) ?? null })),
    outOfOrder: ledger.outOfOrder.map(placed),
    notices: [...notices, ...doubts],
  };
}

function countsOf(verdict: SeriesVerdict): Record<string, unknown> {
  const { series, first, last, deleted, holes, dead, pending, unexplained, undecided, ranges, log, dropped } = verdict;
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
    undecided,
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

function seriesName({ instance, logId, stream }: SeriesVerdict["series"]): Record<string, string | null> {
  return { instance: instance === "" ? null : instance, log: logId, stream };
}

export function forPeople(found: Found): string {
  const { topic, stream, ledger, verdicts, notices, doubts } = found;
  const head = ["instance", "stream", "log", "messages", "doubles", "holes", "dead", "pending", "unexplained", "out of order", "replays"];
  const rows = verdicts.map(({ series, holes, dead, pending, unexplained }) => {
    const { instance, stream, logId, messages, doubles, outOfOrder, replays } = series;
    const names = [instance === "" ? "-" : instance, stream, logId].map(harmless);
    return [...names, messages, doubles, holes, dead, pending, unexplained, outOfOrder, replays];
  });
  const notes = [...notices, ...doubts].map((notice) => `note: ${harmless(notice)}`);
  const parts = [
    rows.length > 0 ? table(head, rows) : `${topic} has no messages ${stream === null ? "that Sidestream numbered" : "of that stream"}.\n`,
    ...lines([...verdicts.flatMap(aboutSeries), ...ledger.doubles.map((double) => aboutDouble(double, found.firstPlaces.get(double)))]),
    ...lines(ledger.outOfOrder.map(aboutOrder)),
    ...lines([...aboutRest(ledger), ...notes]),
    `\n${conclusion(found)}\n`,
  ];
  return parts.join("");
}

/** A block of its own, where there is anything. */
function lines(texts: readonly string[]): string[] {
  return texts.length === 0 ? [] : ["\n", ...texts.map((text) => `${text}\n`)];
}

function aboutSeries(verdict: SeriesVerdict): string[] {
  const { series, first, deleted, pending, unexplained, ranges } = verdict;
  const of = ofSeries(verdict);
  const texts: string[] = aboutAbsent(verdict);
  if (deleted > 0) texts.push(`${of} begins at ${first}: ${counted(deleted, "earlier message")} may have been deleted by the destination.`);
  if (pending > 0) texts.push(`${of}: not delivered yet: ${pending}.`);
  if (unexplained > 0) texts.push(`${of}: ${unexplained} missing and not explained: ${rangesText(ranges, unexplained)}${why(verdict)}`);
  if (series.orderUnknown > 0)
    texts.push(`${of}: of ${counted(series.orderUnknown, "message")} the order can't be told: the topic has too many keys.`);
  texts.push(...aboutDropped(verdict));
  if (series.redriven > 0)
    texts.push(`${of}: ${counted(series.redriven, "dead letter")} came after all (redrive), behind later messages of its key.`);
  return texts;
}

function ofSeries({ series: { stream, instance }, log }: Pick<SeriesVerdict, "series" | "log">): string {
  return harmless(`${stream} of ${instance === "" && log !== null ? nameOf(log) : instance}`);
}

/** Of a stream that the log numbered for this topic, and of which the topic has nothing. */
function aboutAbsent(verdict: SeriesVerdict): string[] {
  const { series, holes, undecided, doubt } = verdict;
  if (series.messages > 0 || holes + undecided === 0) return [];
  const text = `${ofSeries(verdict)}: none of the ${counted(holes + undecided, "message")} that the log numbered for this topic is here`;
  if (doubt === null) return [`${text}.`];
  const unsure = `${text}; ${undecided} of them neither dead nor waiting`;
  if (doubt === "deleted") return [`${unsure}: they were deleted there since, as old ones are, or they are missing. Nothing tells which.`];
  return [
    `${unsure}: they are missing, or the log is of another destination that has a topic of this name. ` +
      "Give TARGET as DESTINATION:TOPIC with --config, and it is decided.",
  ];
}

/** What its log gave up has no number any more: only how many is known, and not of which topic. */
function aboutDropped(verdict: SeriesVerdict): string[] {
  const { series, unexplained, log, dropped } = verdict;
  if (log === null || dropped.size === 0) return [];
  const reasons = [...dropped].map(([reason, count]) => `${count} ${reason}`).join(", ");
  const count = [...dropped.values()].reduce((sum, each) => sum + each, 0);
  const topics = log.elsewhere.has(series.stream) ? ", of whatever topic" : "";
  const text = `${ofSeries(verdict)}: its log gave up messages of this stream${topics}: ${reasons}. `;
  if (unexplained === 0) return [`${text}No hole here is left for them: they were${elsewhereText(verdict)} sent all the same.`];
  if (count < unexplained) return [`${text}They may be among the missing; at least ${unexplained - count} are not explained by that.`];
  const fits = topics === "" ? "The number fits what is missing." : "The number fits what is missing, if all of them were for this topic.";
  return [`${text}${count === unexplained ? fits : "They may be what is missing."}`];
}

function elsewhereText({ series, deleted, undecided, log }: SeriesVerdict): string {
  const topics = log?.elsewhere.has(series.stream) === true ? " for other topics," : "";
  return `${topics}${deleted + undecided > 0 ? " before what is left here," : ""}${topics === "" && deleted + undecided === 0 ? "" : " or"}`;
}

/** What a person can do about a hole that nothing explains. */
function why({ log, series }: SeriesVerdict): string {
  if (log === null) return ". Name the data folder that has its log with --data: dead letters and what waits are known there.";
  if (log.next === null) return ". Its log lost its state to damage: `sidestream spool fsck`.";
  if (series.messages === 0)
    return ". Was the topic emptied, or made anew? Did the destination lead elsewhere before? What the log adopted has another log's numbers.";
  return ".";
}

function rangesText(ranges: readonly NumberRange[], count: number): string {
  const told = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  const text = ranges.map(([from, to]) => (to - from === 1 ? String(from) : `${from} to ${to - 1}`)).join(", ");
  return told < count ? `${text} and ${count - told} more` : text;
}

function aboutDouble({ series, sequence, partition, offset }: Double, first: Place | undefined): string {
  const before = first === undefined ? "deleted meanwhile" : `at ${placeText(first)}`;
  return `double: ${ofPlaced(series)}, ${sequence}: first ${before}, again at ${placeText({ partition, offset })}`;
}

function aboutOrder({ series, sequence, partition, offset }: Double): string {
  return `out of order: ${ofPlaced(series)}, ${sequence} at ${placeText({ partition, offset })} is behind a later message of its key`;
}

function ofPlaced(series: Double["series"]): string {
  return ofSeries({ series, log: null });
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
