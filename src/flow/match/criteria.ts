/**
 * Reads selection criteria by recursive descent: OR of ANDs of NOTs of terms. docs/rules.md has the same grammar.
 */
import { NESTING_MAX, TERMS_MAX } from "./bounds.ts";
import { readAttribute } from "./names.ts";
import { keywordOf } from "./reader.ts";
import type { RuleReader } from "./reader.ts";
import { readRegex } from "./regex.ts";
import type { Attribute, Comparison, Criteria } from "./rule.ts";
import { readNumber, readOperands } from "./values.ts";

/** Longer ones first, so that `<=` is not read as `<`. */
const COMPARISONS: readonly Comparison[] = ["<=", ">=", "<", ">"];

/** What people write who know other languages. */
const FOREIGN: Readonly<Record<string, string>> = { "&&": "Write AND.", "&": "Write AND.", "||": "Write OR.", "|": "Write OR." };

class CriteriaReader {
  readonly #reader: RuleReader;
  #terms = 0;

  constructor(reader: RuleReader) {
    this.#reader = reader;
  }

  /** @param depth - Parentheses and NOT around this. */
  readOr(depth: number): Criteria {
    const first = this.#readAnd(depth);
    const of = [first];
    while (this.#takeKeyword("OR")) of.push(this.#readAnd(depth));
    return of.length === 1 ? first : { kind: "or", of };
  }

  #readAnd(depth: number): Criteria {
    const first = this.#readNot(depth);
    const of = [first];
    while (this.#takeKeyword("AND")) of.push(this.#readNot(depth));
    return of.length === 1 ? first : { kind: "and", of };
  }

  #readNot(depth: number): Criteria {
    const reader = this.#reader;
    reader.skipSpace();
    if (depth > NESTING_MAX) throw reader.invalid(`parentheses and NOT are nested deeper than ${NESTING_MAX}`);
    if (reader.takeKeyword("NOT")) return { kind: "not", of: this.#readNot(depth + 1) };
    const opening = reader.offset;
    if (!reader.take("(")) return this.#readTerm();
    const inner = this.readOr(depth + 1);
    reader.skipSpace();
    if (reader.take(")")) return inner;
    if (reader.ended || reader.next === ",") throw reader.invalid("this parenthesis is never closed", undefined, opening);
    throw expected(reader, 'AND, OR or ")"');
  }

  #readTerm(): Criteria {
    const reader = this.#reader;
    if (this.#terms === TERMS_MAX) throw reader.invalid(`a rule has at most ${TERMS_MAX} terms`, "A list, name=(a, b, c), is one term.");
    this.#terms += 1;
    const attribute = readAttribute(reader);
    const end = reader.offset;
    reader.skipSpace();
    const test = readTest(reader, attribute);
    if (test !== null) return test;
    if (reader.next === "*") throw reader.invalid('"*" stands behind a value, not behind a name', "For any value write the name alone.");
    reader.offset = end;
    return { kind: "present", attribute };
  }

  #takeKeyword(keyword: "AND" | "OR"): boolean {
    this.#reader.skipSpace();
    return this.#reader.takeKeyword(keyword);
  }
}

/** Reads the operator and what follows it; null where none stands. */
function readTest(reader: RuleReader, attribute: Attribute): Criteria | null {
  const at = reader.offset;
  for (const comparison of COMPARISONS) {
    if (!reader.take(comparison)) continue;
    if (comparison === "<" && reader.next === ">") throw reader.invalid('"<>" is not an operator', "Write !=.", at);
    return { kind: "compare", attribute, comparison, number: readNumber(reader) };
  }
  if (reader.take("!=")) return { kind: "not", of: { kind: "in", attribute, operands: readOperands(reader) } };
  if (reader.next === "!")
    throw reader.invalid('expected "=" after "!"', "The operator is !=; for a regular expression write NOT name~/…/.");
  if (reader.take("=")) {
    if (reader.next === ">" || reader.next === "<")
      throw reader.invalid(`"=${reader.next}" is not an operator`, `Write ${reader.next}=.`, at);
    return { kind: "in", attribute, operands: readOperands(reader) };
  }
  if (!reader.take("~")) return null;
  reader.skipSpace();
  if (reader.next !== "/") {
    throw reader.invalid(
      `expected a regular expression, found ${reader.describeNext()}`,
      'It stands between slashes: name~/…/. In a pointer "~" is written ~0.',
    );
  }
  return { kind: "regex", attribute, ...readRegex(reader) };
}

/** What stands here is not what may follow. */
export function expected(reader: RuleReader, what: string): Error {
  const word = reader.peekBare();
  if (reader.next === ")") return reader.invalid('this ")" closes nothing');
  if (reader.next === "=" || reader.next === "!" || reader.next === "~") {
    return reader.invalid(`expected ${what}, found ${reader.describeNext()}`, "A value with this character in it stands in double quotes.");
  }
  const hint =
    FOREIGN[word] ?? (word === "" || keywordOf(word) !== undefined ? undefined : "A value with spaces in it stands in double quotes.");
  return reader.invalid(`expected ${what}, found ${reader.describeNext()}`, hint);
}

/** Reads criteria up to the first character that can't belong to them, spaces passed over. */
export function readCriteria(reader: RuleReader): Criteria {
  const criteria = new CriteriaReader(reader).readOr(0);
  reader.skipSpace();
  return criteria;
}
