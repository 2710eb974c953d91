/** What would change, for people and for programs. */
import type { DrySettings } from "../../flow/dry-run.ts";
import type { EventsLeft } from "../../flow/event-log/reading.ts";
import { printCriteria, printTarget } from "../../flow/match/print.ts";
import type { RuleSettings } from "../../flow/settings.ts";
import { bytesText } from "../../observe/bytes-text.ts";
import { counted, harmless, table } from "../output.ts";
import { noCounts, ROWS_MAX, sidesOf, type Counts, type KeptOutRow, type RuleRow, type Sample, type Tally } from "./tally.ts";

const KINDS = ["added", "gone", "changed", "same"] as const;
/** Rows that are printed; `--json` has all that are counted. */
const PRINTED_MAX = 20;
const TEXT_CHARACTERS_MAX = 200;

export interface Report {
  /** For people: where the events came from. */
  readonly place: string;
  readonly before: string;
  readonly after: string;
  /** Of the new side. */
  readonly rules: DrySettings;
  readonly alike: readonly string[];
  readonly tally: Tally;
  readonly left: EventsLeft;
}

export function reportText(report: Report): string {
  const { tally, alike, place, before, after } = report;
  const from = (timeMs: number | null): string => (timeMs === null ? "" : timeOf(timeMs));
  const lines = [
    `${counted(tally.events, "event")} of ${place}, from ${from(tally.firstMs)} to ${from(tally.lastMs)}`,
    `old: ${before}, new: ${after}`,
    ...(alike.length === 0 ? [] : [`${counted(alike.length, "stream")} alike on both sides, not looked at: ${some(alike)}`]),
    ...leftLines(report.left),
    "",
    ...summary(tally),
  ];
  return [
    ...lines,
    // Where nothing would change, what is alike is of no interest.
    ...(isSame(tally) ? [] : [...streamLines(tally), ...targetLines(tally), ...ruleLines(tally)]),
    ...sampleLines(tally),
    ...unknownLines(tally),
    ...keptOutLines(report),
  ]
    .map((line) => `${harmless(line)}\n`)
    .join("");
}

function summary(tally: Tally): readonly string[] {
  if (tally.streams.size === 0) return ["Nothing would change: there is no stream that differs."];
  const counts = totalOf(tally);
  const doubt = isSame(tally) && tally.unknownEvents > 0 ? `, as far as can be told: see below` : "";
  const head = isSame(tally) ? `Nothing would change${doubt}.` : "This would change.";
  const { before, after } = sidesOf(counts);
  const { added, gone, changed, same } = counts;
  return [`${head} Messages: ${before} before, ${after} after: ${added} added, ${gone} gone, ${changed} changed, ${same} as before.`];
}

export function isSame(tally: Tally): boolean {
  return changesIn(totalOf(tally)) === 0;
}

function totalOf({ streams }: Tally): Counts {
  return summed([...streams.values()].map(({ counts }) => counts));
}

function changesIn({ added, gone, changed }: Counts): number {
  return added + gone + changed;
}

function summed(rows: readonly Counts[]): Counts {
  const sum = noCounts();
  for (const row of rows) for (const kind of KINDS) sum[kind] += row[kind];
  return sum;
}

/** Of one stream the summary says it. */
function streamLines({ streams }: Tally): readonly string[] {
  if (streams.size < 2) return [];
  const rows = [...streams]
    .map(([stream, { counts }]) => ({ stream, counts }))
    .toSorted((a, b) => changesIn(b.counts) - changesIn(a.counts));
  const cells = (name: string, counts: Counts): readonly (string | number)[] => {
    const { before, after } = sidesOf(counts);
    return [name, before, after, ...KINDS.map((kind) => counts[kind])];
  };
  const [first, others] = [rows.slice(0, PRINTED_MAX), rows.slice(PRINTED_MAX)];
  const rest = others.length === 0 ? [] : [cells(`${others.length} more`, summed(others.map(({ counts }) => counts)))];
  return [
    "",
    ...tableLines(["stream", "before", "after", ...KINDS], [...first.map(({ stream, counts }) => cells(stream, counts)), ...rest]),
  ];
}

function targetLines({ targets }: Tally): readonly string[] {
  const changing = targets.all.filter((row) => changesIn(row) > 0).toSorted((a, b) => changesIn(b) - changesIn(a));
  if (changing.length === 0 && targets.rest === null) return [];
  const others = changing.slice(PRINTED_MAX);
  const beyond = targets.rest === null ? [] : [targets.rest];
  const cells = (stream: string, place: string, counts: Counts): readonly (string | number)[] => [
    stream,
    clipped(place),
    ...KINDS.map((kind) => counts[kind]),
  ];
  const isMore = others.length + beyond.length > 0;
  const rest = isMore ? [cells("", `${others.length}${beyond.length > 0 ? " and more" : " more"}`, summed([...others, ...beyond]))] : [];
  const first = changing.slice(0, PRINTED_MAX).map((row) => cells(row.stream, row.place, row));
  return ["", ...tableLines(["stream", "target", ...KINDS], [...first, ...rest])];
}

function ruleLines({ rules }: Tally): readonly string[] {
  if (rules.length === 0) return [];
  // As they stand in the descriptors, as long as all can be seen.
  const rows = rules.length <= PRINTED_MAX ? inPlace(rules) : rules.toSorted((a, b) => b.messages - a.messages);
  const cells = rows.slice(0, PRINTED_MAX).map(({ side, stream, rule, messages }) => [side, stream, `rule ${rule}`, messages]);
  const others = rows.slice(PRINTED_MAX);
  const idle = others.filter(({ messages }) => messages === 0).length;
  const more = others.length === 0 ? [] : [`and ${others.length} more, ${idle} of which made nothing; --json has them`];
  return ["", ...tableLines(["side", "stream", "rule", "messages"], cells), ...more];
}

function inPlace(rules: readonly RuleRow[]): readonly RuleRow[] {
  const streams = [...new Set(rules.map(({ stream }) => stream))];
  return streams.flatMap((id) => rules.filter(({ stream }) => stream === id));
}

function sampleLines(tally: Tally): readonly string[] {
  return [...tally.streams].flatMap(([stream, { samples }]) =>
    samples.length === 0 ? [] : ["", `Such as, of ${stream} (all of one: sidestream explain --id EVENT):`, ...samples.flatMap(sampleText)],
  );
}

function sampleText({ kind, timeMs, eventId, tenant, subject, place, rule, parts }: Sample): readonly string[] {
  const head = `  ${kind}  ${timeOf(timeMs)}  ${tenant}  ${clipped(subject)}  ${kind === "gone" ? "from" : "to"} ${clipped(place)} by rule ${rule}, event ${eventId}`;
  return [
    head,
    ...parts.map(
      ({ what, before, after }) =>
        `    ${clipped(what)}${before === null && after === null ? "" : `: ${valueText(before)} becomes ${valueText(after)}`}`,
    ),
  ];
}

function valueText(value: string | null): string {
  return value === null ? "nothing" : clipped(JSON.stringify(value));
}

function unknownLines({ unknown, unknownEvents }: Tally): readonly string[] {
  if (unknownEvents === 0) return [];
  const rows = unknown.all.toSorted((a, b) => b.events - a.events);
  const cells = rows.slice(0, PRINTED_MAX).map(({ side, stream, rule, events, why }) => [side, stream, `rule ${rule}`, events, why]);
  return [
    "",
    `Of ${counted(unknownEvents, "event")} it can't be told what a rule would have done, since redaction or a limit took what it asks for before the event was kept.`,
    "They count as if the rule didn't hold; the program, which sees the whole event, may decide otherwise:",
    ...tableLines(["side", "stream", "rule", "events", "why, of the first"], cells),
    ...moreLines(rows.length, unknown.rest?.events),
  ];
}

function keptOutLines({ tally, rules }: Report): readonly string[] {
  const rows = tally.keptOut.all.toSorted((a, b) => b.nobodys - a.nobodys || b.events - a.events);
  if (rows.length === 0) return [];
  const cells = rows
    .slice(0, PRINTED_MAX)
    .map((row) => [row.stream, `rule ${row.rule}`, row.events, row.nobodys, clipped(termOf(row, rules))]);
  return [
    "",
    "Terms that alone kept events out of a rule of the new side; `nobody's` are events of which the stream makes nothing:",
    ...tableLines(["stream", "rule", "events", "nobody's", "without the term"], cells),
    ...moreLines(rows.length, tally.keptOut.rest?.events),
  ];
}

function ruleOf({ stream, rule }: Pick<KeptOutRow, "stream" | "rule">, { streams }: DrySettings): RuleSettings | undefined {
  return streams.find(({ id }) => id === stream)?.rules.find(({ number }) => number === rule);
}

function termOf(row: KeptOutRow, rules: DrySettings): string {
  const criteria = ruleOf(row, rules)?.criteria;
  const term = criteria?.kind === "and" ? criteria.of[row.term] : undefined;
  return term === undefined ? "" : printCriteria(term);
}

function leftLines({ unreadable, reason, oversized, tornBytes }: EventsLeft): readonly string[] {
  const lines = unreadable === 0 ? [] : [`${counted(unreadable, "line")} left out that can't be read, the first: ${reason}`];
  if (oversized > 0) lines.push(`${counted(oversized, "line")} left out that no event could have: too long`);
  if (tornBytes > 0)
    lines.push(`${bytesText(tornBytes)} at the end of a file left out: half an event, which is being written or was cut off by a kill`);
  return lines;
}

/** For a program. */
export function reportJson({ place, before, after, rules, alike, tally, left }: Report): string {
  const { events, firstMs, lastMs, unknownEvents } = tally;
  const time = (timeMs: number | null): string | null => (timeMs === null ? null : timeOf(timeMs));
  const streams = [...tally.streams].map(([stream, { counts, samples }]) => ({
    stream,
    ...sidesOf(counts),
    ...counts,
    samples: samples.map(({ timeMs, ...sample }) => ({ time: timeOf(timeMs), ...sample })),
  }));
  const answer = {
    events,
    from: time(firstMs),
    to: time(lastMs),
    place,
    old: before,
    new: after,
    alike,
    streams,
    targets: tally.targets.all,
    rules: tally.rules,
    unknown: { events: unknownEvents, rules: tally.unknown.all },
    keptOut: tally.keptOut.all.map((row) => ({
      ...row,
      text: termOf(row, rules),
      targets: ruleOf(row, rules)?.targets.map(printTarget) ?? [],
    })),
    beyond: {
      targets: tally.targets.rest === null ? null : summed([tally.targets.rest]),
      unknown: tally.unknown.rest?.events ?? 0,
      keptOut: tally.keptOut.rest?.events ?? 0,
    },
    left,
  };
  return `${JSON.stringify(answer, null, 2)}\n`;
}

function tableLines(head: readonly string[], rows: readonly (readonly (string | number)[])[]): readonly string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "string" ? harmless(cell) : cell)));
  return table(head, cells).trimEnd().split("\n");
}

/** @param beyond - What found no row, where something didn't. */
function moreLines(rows: number, beyond: number | undefined): readonly string[] {
  const more = rows > PRINTED_MAX ? [`and ${rows - PRINTED_MAX} more; --json has them`] : [];
  return beyond === undefined
    ? more
    : [...more, `and ${beyond} times one that is not listed: only the first ${ROWS_MAX} are counted by themselves`];
}

function some(names: readonly string[]): string {
  return names.length > PRINTED_MAX ? `${names.slice(0, PRINTED_MAX).join(", ")} and ${names.length - PRINTED_MAX} more` : names.join(", ");
}

function clipped(text: string): string {
  return text.length <= TEXT_CHARACTERS_MAX ? text : `${text.slice(0, TEXT_CHARACTERS_MAX).toWellFormed()}…`;
}

function timeOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
