/** Dead letters, counted by destination, stream, tenant and reason: what people see before anything is done. */
import { streamOfLabel } from "../../flow/message/stream-label.ts";
import { didYouMean } from "../../flow/match/suggest.ts";
import { canBeSent, isMeant, type LetterFilter } from "../../flow/spool/letter-filter.ts";
import { counted, table, type Output } from "../output.ts";
import { visitLetters, type LetterChoice } from "./letters-on-disk.ts";

export interface LetterCount {
  readonly destination: string;
  readonly stream: string;
  readonly tenant: string;
  readonly reason: string;
  letters: number;
  /** Of these, how many died before they had a topic, and can't be redriven. */
  withoutTopic: number;
  /** When the first and the last of them died, milliseconds since 1970. */
  oldestMs: number;
  newestMs: number;
}

export interface LetterCounts {
  readonly rows: readonly LetterCount[];
  readonly letters: number;
  readonly withoutTopic: number;
  readonly problems: number;
  /** What there is instead of a name that no letter has; empty: each name is there. */
  readonly hint: string;
}

/** Rows shown to a person; `--json` has all. */
const ROWS_MAX = 100;

/** More names than this are not remembered for a hint. */
const NAMES_MAX = 10_000;

/** As `visitLetters`. */
export async function countLetters({ filter, ...place }: LetterChoice, out: Output): Promise<LetterCounts> {
  const rows = new Map<string, LetterCount>();
  const names = { stream: new Set<string>(), tenant: new Set<string>(), reason: new Set<string>() };
  const problems = await visitLetters(
    { ...place, filter: {} },
    out,
    ({ destination, cause, message }) => {
      const stream = streamOfLabel(message.stream);
      const { tenant } = message;
      for (const [known, name] of [
        [names.stream, stream],
        [names.tenant, tenant],
        [names.reason, cause.code],
      ] as const)
        if (known.size < NAMES_MAX) known.add(name);
      if (!isMeant({ cause, message }, filter)) return "";
      const key = JSON.stringify([destination, stream, tenant, cause.code]);
      const zero = { letters: 0, withoutTopic: 0, oldestMs: cause.deadMs, newestMs: cause.deadMs };
      const row = rows.get(key) ?? { destination, stream, tenant, reason: cause.code, ...zero };
      rows.set(key, row);
      row.letters += 1;
      if (!canBeSent({ message })) row.withoutTopic += 1;
      row.oldestMs = Math.min(row.oldestMs, cause.deadMs);
      row.newestMs = Math.max(row.newestMs, cause.deadMs);
      return "";
    },
    () => Promise.resolve(true),
  );
  const sorted = [...rows.entries()].toSorted(([left], [right]) => (left < right ? -1 : 1)).map(([, row]) => row);
  return { rows: sorted, problems, hint: hintOf(filter, names), ...sumOf(sorted) };
}

function hintOf(filter: LetterFilter, names: Readonly<Record<"stream" | "tenant" | "reason", ReadonlySet<string>>>): string {
  const hints = (["stream", "tenant", "reason"] as const).map((what) => {
    const name = filter[what];
    if (name === undefined || names[what].has(name)) return "";
    return ` None has the ${what} "${name}"${didYouMean(name, [...names[what]]) || "."}`;
  });
  return hints.join("");
}

export function sumOf(rows: readonly LetterCount[]): { readonly letters: number; readonly withoutTopic: number } {
  let letters = 0;
  let withoutTopic = 0;
  for (const row of rows) {
    letters += row.letters;
    withoutTopic += row.withoutTopic;
  }
  return { letters, withoutTopic };
}

/** For programs. */
export function countsAsObject({ rows, letters, withoutTopic }: LetterCounts): Record<string, unknown> {
  const told = rows.map(({ oldestMs, newestMs, ...row }) => ({ ...row, oldest: timeText(oldestMs), newest: timeText(newestMs) }));
  return { letters, withoutTopic, counts: told };
}

/** For people. @param isForGood - They go: whether they could be redriven is of no use. */
export function countsText({ rows, letters, withoutTopic, hint }: LetterCounts, isForGood = false): string {
  if (letters === 0) return `No dead letters of this kind.${hint}\n`;
  const cells = rows
    .slice(0, ROWS_MAX)
    .map((row) => [row.destination, row.stream, row.tenant, row.reason, row.letters, timeText(row.oldestMs), timeText(row.newestMs)]);
  const more = rows.length > ROWS_MAX ? `and ${rows.length - ROWS_MAX} more rows: see --json\n` : "";
  const topicless = withoutTopic === 0 || isForGood ? "" : `${withoutTopic} died before a topic was known, and can't be redriven.\n`;
  const head = ["destination", "stream", "tenant", "reason", "letters", "oldest", "newest"];
  return `${table(head, cells)}${more}${counted(letters, "dead letter")}.\n${topicless}`;
}

/** To the second, UTC. */
export function timeText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
