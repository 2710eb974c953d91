/** `sidestream dead list` and `sidestream dead show`: which messages a destination refused for good, and why. */
import { asObject } from "../../flow/spool/export.ts";
import { streamOfLabel } from "../../flow/message/stream-label.ts";
import { harmless, type LineOutput, type Output } from "../output.ts";
import { countLetters, countsAsObject, countsText, timeText } from "./letter-counts.ts";
import { visitLetters, type FoundLetter, type LetterChoice } from "./letters-on-disk.ts";

export interface ListOptions extends LetterChoice {
  readonly json: boolean;
}

export interface ShowOptions extends ListOptions {
  /** Letters shown at most. */
  readonly limit: number;
}

const EXIT_OK = 0;
const EXIT_PROBLEMS = 1;
/** Of a value that is shown to a person; `--json` has all of it. */
const VALUE_CHARACTERS_MAX = 2_000;

/** @returns Exit status: 0, or 1 when something could not be read. @throws SidestreamError as `visitLetters`. */
export async function runDeadList(options: ListOptions, out: Output): Promise<number> {
  const counts = await countLetters(options, out);
  out.stdout(options.json ? `${JSON.stringify(countsAsObject(counts), null, 2)}\n` : countsText(counts));
  return counts.problems === 0 ? EXIT_OK : EXIT_PROBLEMS;
}

/** As `runDeadList`. */
export async function runDeadShow({ json, limit, ...choice }: ShowOptions, out: LineOutput): Promise<number> {
  let shown = 0;
  let isCut = false;
  const print = (letter: FoundLetter): string => {
    isCut ||= shown === limit;
    if (isCut) return "";
    shown += 1;
    return json ? jsonLine(letter) : text(letter);
  };
  const write = async (lines: string): Promise<boolean> => (await out.lines(lines)) && !isCut;
  const problems = await visitLetters(choice, out, print, write);
  if (isCut && !json) out.stderr(`More are not shown: --limit ${limit * 10} shows more, \`sidestream dead list\` counts them all.\n`);
  if (shown === 0 && !json) out.stderr("No dead letters of this kind.\n");
  return problems === 0 ? EXIT_OK : EXIT_PROBLEMS;
}

function jsonLine({ destination, message, read }: FoundLetter): string {
  const { done: _, ...letter } = asObject(read);
  return `${JSON.stringify({ destination, ...letter, stream: streamOfLabel(message.stream) })}\n`;
}

function text({ destination, number, cause, message }: FoundLetter): string {
  const { stream, rule, tenant, eventId, topic, key, headers, value, acceptedMs } = message;
  const rows: readonly (readonly [string, string])[] = [
    ["reason", `${cause.code}: ${cause.reason}`],
    ["stream", `${streamOfLabel(stream)}, rule ${rule}, tenant ${tenant}, event ${eventId}`],
    ["topic", topic === "" ? "none: it died before one was known, and can't be redriven" : `${topic}, key ${key}`],
    ...headers.map(([name, of]) => ["header", `${name}: ${of}`] as const),
    ["value", valueText(value)],
  ];
  const head = `${destination} ${number}: died ${timeText(cause.deadMs)}, accepted ${timeText(acceptedMs)}\n`;
  return `${head}${rows.map(([name, of]) => `  ${name.padEnd(6)}  ${harmless(of)}\n`).join("")}\n`;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** As text where it is text. */
function valueText(value: Buffer): string {
  let whole: string;
  try {
    whole = utf8.decode(value);
  } catch {
    return `${value.length} bytes that are no text; --json prints them in base64`;
  }
  if (whole.length <= VALUE_CHARACTERS_MAX) return whole;
  return `${whole.slice(0, VALUE_CHARACTERS_MAX)} … (${value.length} bytes in all; --json prints them)`;
}
