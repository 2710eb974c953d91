/** What would change, for people and for programs. */
import type { DrySettings } from "../../flow/dry-run.ts";
import type { EventsLeft } from "../../flow/event-log/reading.ts";
import { printCriteria, printTarget } from "../../flow/match/print.ts";
import type { RuleSettings } from "../../flow/settings.ts";
import { bytesText } from "../../observe/bytes-text.ts";
import { counted, harmless, table } from "../output.ts";
import type { KeptOutRow, Sample, Tally } from "./tally.ts";

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
  return [...lines, ...targetLines(tally), ...sampleLines(tally), ...unknownLines(tally), ...keptOutLines(report)]
    .map((line) => `${harmless(line)}\n`)
    .join("");
}

function summary(tally: Tally): readonly string[] {
  const [added, gone, changed, same] = (["added", "gone", "changed", "same"] as const).map((kind) => tally.total(kind)) as [
    number,
    number,
    number,
    number,
  ];
  const isSame = added + gone + changed === 0;
  const doubt = isSame && tally.unknownEvents > 0 ? `, as far as can be told: see below` : "";
  const head = isSame ? `Nothing would change${doubt}.` : "This would change.";
  return [`${head} Messages: ${added} added, ${gone} gone, ${changed} changed, ${same} as before.`];
}

function targetLines(tally: Tally): readonly string[] {
  const changing = [...tally.targets.values()].filter(({ added, gone, changed }) => added + gone + changed > 0);
  if (changing.length === 0) return [];
  const rows = changing.toSorted((a, b) => b.added + b.gone + b.changed - (a.added + a.gone + a.changed));
  const cells = rows
    .slice(0, PRINTED_MAX)
    .map(({ stream, place, added, gone, changed, same }) => [stream, clipped(place), added, gone, changed, same]);
  return ["", ...tableLines(["stream", "target", "added", "gone", "changed", "same"], cells), ...moreLine(rows.length + tally.beyond)];
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

function unknownLines({ unknown, unknownEvents, beyond }: Tally): readonly string[] {
  if (unknownEvents === 0) return [];
  const rows = [...unknown.values()].toSorted((a, b) => b.events - a.events);
  const cells = rows.slice(0, PRINTED_MAX).map(({ side, stream, rule, events, why }) => [side, stream, `rule ${rule}`, events, why]);
  return [
    "",
    `Of ${counted(unknownEvents, "event")} it can't be told what a rule would have done, since redaction or a limit took what it asks for before the event was kept.`,
    "They count as if the rule didn't hold; the program, which sees the whole event, may decide otherwise:",
    ...tableLines(["side", "stream", "rule", "events", "why, of the first"], cells),
    ...moreLine(rows.length + beyond),
  ];
}

function keptOutLines({ tally, rules }: Report): readonly string[] {
  const rows = [...tally.keptOut.values()].toSorted((a, b) => b.nobodys - a.nobodys || b.events - a.events);
  if (rows.length === 0) return [];
  const cells = rows
    .slice(0, PRINTED_MAX)
    .map((row) => [row.stream, `rule ${row.rule}`, row.events, row.nobodys, clipped(termOf(row, rules))]);
  return [
    "",
    "Terms that alone kept events out of a rule of the new side; `nobody's` are events of which the stream makes nothing:",
    ...tableLines(["stream", "rule", "events", "nobody's", "without the term"], cells),
    ...moreLine(rows.length + tally.beyond),
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
  const { events, firstMs, lastMs, unknownEvents, beyond } = tally;
  const time = (timeMs: number | null): string | null => (timeMs === null ? null : timeOf(timeMs));
  const streams = [...tally.streams].map(([stream, { counts, samples }]) => ({
    stream,
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
    targets: [...tally.targets.values()],
    unknown: { events: unknownEvents, rules: [...tally.unknown.values()] },
    keptOut: [...tally.keptOut.values()].map((row) => ({
      ...row,
      text: termOf(row, rules),
      targets: ruleOf(row, rules)?.targets.map(printTarget) ?? [],
    })),
    beyond,
    left,
  };
  return `${JSON.stringify(answer, null, 2)}\n`;
}

function tableLines(head: readonly string[], rows: readonly (readonly (string | number)[])[]): readonly string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "string" ? harmless(cell) : cell)));
  return table(head, cells).trimEnd().split("\n");
}

function moreLine(rows: number): readonly string[] {
  return rows > PRINTED_MAX ? [`and ${rows - PRINTED_MAX} more; --json has them`] : [];
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
