/** Writes the rules of the workload in the language of each contestant. */
import type { Expression } from "./rules.ts";

const BARE = /^[A-Za-z0-9_./-]+$/;
const KEYWORD = /^(and|or|not)$/i;
/** How tightly what stands around binds: parentheses are written where they are needed. */
const LOOSE = 0;
const IN_OR = 1;
const IN_AND = 2;
const IN_NOT = 3;

function ourValue(value: string): string {
  return BARE.test(value) && !KEYWORD.test(value) ? value : `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Criteria as text in Sidestream's language. */
export function inOurs(expression: Expression, around = LOOSE): string {
  switch (expression.kind) {
    case "equal":
      return `${expression.name}=${ourValue(expression.value)}`;
    case "other":
      return `${expression.name}!=${ourValue(expression.value)}`;
    case "begins":
      return `${expression.name}=${ourValue(expression.value)}*`;
    case "matches":
      return `${expression.name}~/${expression.value.replaceAll("/", "\\/")}/`;
    case "in":
      return `${expression.name}=(${expression.values.map(ourValue).join(", ")})`;
    case "present":
      return expression.name;
    case "not":
      return `NOT ${inOurs(expression.of, IN_NOT)}`;
    case "and": {
      const text = expression.of.map((operand) => inOurs(operand, IN_AND)).join(" AND ");
      return around > IN_AND ? `(${text})` : text;
    }
    case "or": {
      const text = expression.of.map((operand) => inOurs(operand, IN_OR)).join(" OR ");
      return around > IN_OR ? `(${text})` : text;
    }
  }
}

/** A-tree's names have no dashes. */
function treeName(name: string): string {
  return name.replaceAll("-", "_");
}

/** As text in a-tree's language, which has neither prefixes nor regular expressions. */
export function inTrees(expression: Expression): string {
  switch (expression.kind) {
    case "equal":
      return `${treeName(expression.name)} = '${expression.value}'`;
    case "other":
      return `${treeName(expression.name)} <> '${expression.value}'`;
    case "in":
      return `${treeName(expression.name)} in [${expression.values.map((value) => `'${value}'`).join(", ")}]`;
    case "present":
      return `${treeName(expression.name)} is not null`;
    case "and":
    case "or":
      return `(${expression.of.map(inTrees).join(` ${expression.kind} `)})`;
    default:
      throw new Error(`a-tree has no ${expression.kind}`);
  }
}

type Pattern = Readonly<Record<string, readonly unknown[]>>;

/** As patterns of event-ruler, of which any is to match. It has neither regular expressions nor negated groups. */
export function inRulers(expression: Expression): readonly Pattern[] {
  switch (expression.kind) {
    case "equal":
      return [{ [expression.name]: [expression.value] }];
    case "in":
      return [{ [expression.name]: expression.values }];
    case "other":
      return [{ [expression.name]: [{ "anything-but": [expression.value] }] }];
    case "present":
      return [{ [expression.name]: [{ exists: true }] }];
    case "begins":
      return [{ [expression.name]: [{ prefix: expression.value }] }];
    case "and":
      // That an attribute is there is said again by the value that it must not have, which comes after.
      return expression.of.map(inRulers).reduce((left, right) => left.flatMap((one) => right.map((other) => ({ ...one, ...other }))));
    case "or":
      return alternatives(expression.of.flatMap(inRulers));
    default:
      throw new Error(`event-ruler has no ${expression.kind}`);
  }
}

/** Alternatives of a single attribute are one pattern with a list. */
function alternatives(patterns: readonly Pattern[]): readonly Pattern[] {
  const names = new Set(patterns.flatMap((pattern) => Object.keys(pattern)));
  const [name] = names;
  if (names.size !== 1 || name === undefined) return patterns;
  return [{ [name]: patterns.flatMap((pattern) => pattern[name] ?? []) }];
}
