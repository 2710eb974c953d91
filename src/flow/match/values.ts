/** Reads what a name is compared with: words, quoted strings, lists, numbers. */
import { LIST_OPERANDS_MAX } from "./bounds.ts";
import { keywordOf } from "./reader.ts";
import type { RuleReader } from "./reader.ts";
import type { Operand } from "./rule.ts";

/** A number as JSON writes it. */
export const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** Quotes that word processors and other languages use. The two curved single ones are apostrophes inside a word. */
const OTHER_QUOTES = /^['\u2018\u2019\u201c\u201d\u201e]$/;
const OTHER_QUOTES_INSIDE = /^['\u201c\u201d\u201e]$/;

/** Reads `"…"`, the reader standing at the opening quote. */
export function readQuoted(reader: RuleReader): string {
  const opening = reader.offset;
  reader.offset += 1;
  let value = "";
  for (;;) {
    value += reader.match(/[^"\\]+/y);
    if (reader.take('"')) return value;
    if (reader.ended) throw reader.invalid("this quote is never closed", undefined, opening);
    if (reader.take('\\"')) value += '"';
    else if (reader.take("\\\\")) value += "\\";
    else if (reader.offset + 1 === reader.text.length) throw reader.invalid("this quote is never closed", undefined, opening);
    else throw reader.invalid('in quotes only \\" and \\\\ are escapes', "Write a backslash as \\\\.");
  }
}

/** Explains what stands where a value should. */
function missingValue(reader: RuleReader): Error {
  const { next } = reader;
  if (next === "=") return reader.invalid("an equals sign too many", 'Equality is a single "=".');
  if (next === "~") return reader.invalid('expected a value, found "~"', "A regular expression has no equals sign: name~/…/");
  if (next === "*") return reader.invalid('"*" needs the beginning of a value before it', "For any value write the name alone.");
  if (OTHER_QUOTES.test(next)) return reader.invalid(`${next} is not a quote here`, 'Values stand in straight double quotes: "any value".');
  const word = reader.peekBare();
  if (keywordOf(word) !== undefined)
    return reader.invalid(`expected a value, found ${word}`, `Write "${word}", in quotes, if that is the value.`);
  return reader.invalid(`expected a value, found ${reader.describeNext()}`, 'Write "" for an empty value.');
}

/** A star ends a value; what follows directly was probably meant as part of the pattern. */
function refuseAfterStar(reader: RuleReader): void {
  if (reader.next === "*" || reader.next === '"' || reader.peekBare() !== "") {
    throw reader.invalid(
      'nothing may follow "*" directly',
      'A star means "begins with" and ends the value; other patterns are name~/…/; a star that is meant stands in quotes.',
    );
  }
}

/** Reads one value, bare or quoted, with its star. */
export function readOperand(reader: RuleReader): Operand {
  reader.skipSpace();
  const start = reader.offset;
  if (reader.next === '"') {
    const text = readQuoted(reader);
    const closing = reader.offset - 1;
    const stem = reader.take("*");
    if (stem) refuseAfterStar(reader);
    else if (text.endsWith("*")) reader.warn('the star is part of the value; for "begins with" write it after the quote', closing - 1);
    return { text, stem };
  }
  if (keywordOf(reader.peekBare()) !== undefined || OTHER_QUOTES.test(reader.next)) throw missingValue(reader);
  const text = reader.readBare();
  if (text === "") throw missingValue(reader);
  if (OTHER_QUOTES_INSIDE.test(reader.next)) {
    throw reader.invalid(`${reader.next} can't stand in a value without quotes`, 'Put the value in straight double quotes: "any value".');
  }
  const stem = reader.take("*");
  if (stem) refuseAfterStar(reader);
  else refuseDetachedStar(reader, start);
  return { text, stem };
}

/** `folio *`: the space makes it something else than it looks like. */
function refuseDetachedStar(reader: RuleReader, start: number): void {
  const end = reader.offset;
  reader.skipSpace();
  if (reader.next === "*")
    throw reader.invalid('"*" belongs directly after the value', `Write ${reader.text.slice(start, end).slice(0, 40)}*`);
  reader.offset = end;
}

/** Reads one value or a list of them in parentheses. */
export function readOperands(reader: RuleReader): readonly Operand[] {
  reader.skipSpace();
  const opening = reader.offset;
  if (!reader.take("(")) return [readOperand(reader)];
  const operands: Operand[] = [];
  for (;;) {
    if (operands.length === LIST_OPERANDS_MAX)
      throw reader.invalid(`a list has at most ${LIST_OPERANDS_MAX} values`, "Split it into several terms joined by OR.");
    operands.push(readOperand(reader));
    reader.skipSpace();
    if (reader.take(")")) return operands;
    if (reader.ended) throw reader.invalid("this list is never closed", undefined, opening);
    if (!reader.take(",")) {
      throw reader.invalid(
        `expected a comma or ")", found ${reader.describeNext()}`,
        "Values of a list are separated by commas; one with spaces in it stands in double quotes.",
      );
    }
  }
}

/** Reads a number as JSON writes it. */
export function readNumber(reader: RuleReader): number {
  reader.skipSpace();
  const start = reader.offset;
  const word = reader.readBare();
  if (!JSON_NUMBER.test(word)) {
    reader.offset = start;
    throw reader.invalid(
      `expected a number, found ${reader.describeNext()}`,
      "Numbers are written as in JSON, without quotes: 400, -1.5, 2e3.",
    );
  }
  const number = Number(word);
  if (!Number.isFinite(number)) throw reader.invalid("this number is too large", undefined, start);
  // Minus zero is the same number; one zero keeps printing and parsing alike.
  return number === 0 ? 0 : number;
}
