/** Dead letters, counted by destination, stream, tenant and reason: what people see before anything is done. */
import { streamOfLabel } from "../../flow/message/stream-label.ts";
import { canBeSent } from "../../flow/spool/letter-filter.ts";
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
}

/** Rows shown to a person; `--json` has all. */
const ROWS_MAX = 100;

/** As `visitLetters`. */
export async function countLetters(choice: LetterChoice, out: Output): Promise<LetterCounts> {
  const rows = new Map<string, LetterCount>();
  const problems = await visitLetters(
    choice,
    out,
    ({ destination, cause, message }) => {
      const stream = streamOfLabel(message.stream);
      const { tenant } = message;
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
  return { rows: sorted, problems, ...sumOf(sorted) };
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
export function countsText({ rows, letters, withoutTopic }: LetterCounts, isForGood = false): string {
  if (letters === 0) return "No dead letters of this kind.\n";
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
