/** What a search tells people: how far it is, what it tried, what it found. */
import { FAMILIES } from "./families.ts";
import { placeText, type Place } from "./place.ts";
import type { Tally } from "./search.ts";

export interface TellableViolation {
  readonly place: Place;
  readonly text: string;
  readonly stack: string;
}

export interface Outcome {
  readonly seed: number;
  readonly seconds: number;
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly violations: readonly TellableViolation[];
}

export function sum(tallies: ReadonlyMap<string, Tally>, isWanted: (family: string) => boolean): Tally {
  const all: Tally = { histories: 0, points: 0, starts: 0 };
  for (const [family, { histories, points, starts }] of tallies) {
    if (!isWanted(family)) continue;
    all.histories += histories;
    all.points += points;
    all.starts += starts;
  }
  return all;
}

/** Crash points of disks that keep their word. */
export function crashes(tallies: ReadonlyMap<string, Tally>): Tally {
  return sum(tallies, (name) => FAMILIES.find((family) => family.name === name)?.isCrash === true);
}

export function progressText({ seconds, tallies, violations }: Omit<Outcome, "seed">): string {
  const { points, starts, histories } = sum(tallies, () => true);
  const rate = Math.round(starts / Math.max(1, seconds));
  return `${count(seconds)} s: ${count(points)} points, ${count(starts)} starts (${count(rate)}/s), ${count(histories)} histories, ${violations.length} violations`;
}

export function outcomeText(outcome: Outcome): string {
  const { seed, seconds, tallies, violations } = outcome;
  const rows = [["family", "what", "histories", "distinct points", "starts"]];
  for (const { name, summary } of FAMILIES) {
    const tally = tallies.get(name);
    if (tally !== undefined) rows.push([name, summary, count(tally.histories), count(tally.points), count(tally.starts)]);
  }
  const all = sum(tallies, () => true);
  rows.push(["all", "", count(all.histories), count(all.points), count(all.starts)]);
  const crashed = crashes(tallies);
  return [
    ...table(rows),
    "",
    `${count(crashed.points)} distinct crash points on a disk that keeps its word, ${count(all.points - crashed.points)} points on one that was damaged or looked at`,
    `seed ${seed}, ${count(seconds)} s, ${violations.length} violations`,
    "",
  ].join("\n");
}

export function violationText({ place, text, stack }: TellableViolation): string {
  const lines = [
    `violation: ${text}`,
    `  family ${place.family}, seed ${place.seed}, history ${place.history}, part ${place.part}`,
    `  after ${place.operation ?? "-"} entries of the journal; survivors ${place.survivors === "" ? "-" : place.survivors}`,
    `  again: npm run crash -- --at '${placeText(place)}'`,
    ...stack.split("\n").slice(1, 6),
  ];
  return `${lines.join("\n")}\n`;
}

export function outcomeJson({ seed, seconds, tallies, violations }: Outcome): string {
  const crashed = crashes(tallies);
  const found = violations.map(({ place, text }) => ({ ...place, at: placeText(place), text }));
  return `${JSON.stringify({ seed, seconds, crashPoints: crashed.points, families: Object.fromEntries(tallies), violations: found })}\n`;
}

function count(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isText = (column: number): boolean => column < 2;
  return rows.map((row) =>
    row
      .map((cell, column) => (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}
