/**
 * Writes rules in the language they are read from.
 *
 * Promise: parsing what is printed gives the same data again.
 */
import { CONTENT_PARTS, ANY_DEPTH, reservedWordOf } from "./names.ts";
import { keywordOf } from "./reader.ts";
import type { Attribute, Criteria, Operand, Rule, Target, Template } from "./rule.ts";

const BARE_VALUE = /^[\p{L}\p{N}_./:@%$+-]+$/u;
const BARE_STEP = /^[\p{L}\p{N}_.:@%$+-]+$/u;
/** Names that would be read as something else without `header.` before them. */
const NOT_A_PLAIN_HEADER = /^(?:request\.|response\.|header\.|query\.|payload\.)|^x-okapi-tenant$/;

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`;
}

function printStep(step: string): string {
  if (step === ANY_DEPTH) return step;
  return BARE_STEP.test(step) ? step : quoted(step);
}

function isPlainHeader(name: string): boolean {
  if (NOT_A_PLAIN_HEADER.test(name) || keywordOf(name) !== undefined) return false;
  return reservedWordOf(name.toUpperCase()) === undefined && !CONTENT_PARTS.some((part) => part === name);
}

/** Writes a name. */
export function printAttribute(attribute: Attribute): string {
  switch (attribute.kind) {
    case "word":
      return attribute.word;
    case "header":
      return isPlainHeader(attribute.name) ? attribute.name : `header.${attribute.name}`;
    case "responseHeader":
      return `response.${attribute.name}`;
    case "content":
      return [attribute.part, ...attribute.pointer.map(printStep)].join("/");
  }
}

function printOperand({ text, stem }: Operand): string {
  return `${BARE_VALUE.test(text) && keywordOf(text) === undefined ? text : quoted(text)}${stem ? "*" : ""}`;
}

function printOperands(operands: readonly Operand[]): string {
  const [only] = operands;
  return operands.length === 1 && only !== undefined ? printOperand(only) : `(${operands.map(printOperand).join(", ")})`;
}

/** Slashes that a backslash doesn't protect would end the expression. */
function printRegex(pattern: string): string {
  return pattern.replaceAll(/\\[^]|\//g, (found) => (found === "/" ? "\\/" : found));
}

/** Writes criteria that are an operand: in parentheses where they would otherwise be taken apart. */
function printOperandOf(parent: "and" | "or" | "not", criteria: Criteria): string {
  const text = printCriteria(criteria);
  const binds = criteria.kind === "or" || (criteria.kind === "and" && parent !== "or");
  return binds ? `(${text})` : text;
}

/** Writes criteria. */
export function printCriteria(criteria: Criteria): string {
  switch (criteria.kind) {
    case "and":
    case "or":
      return criteria.of.map((operand) => printOperandOf(criteria.kind, operand)).join(criteria.kind === "and" ? " AND " : " OR ");
    case "not":
      if (criteria.of.kind === "in") return `${printAttribute(criteria.of.attribute)}!=${printOperands(criteria.of.operands)}`;
      return `NOT ${printOperandOf("not", criteria.of)}`;
    case "in":
      return `${printAttribute(criteria.attribute)}=${printOperands(criteria.operands)}`;
    case "present":
      return printAttribute(criteria.attribute);
    case "regex":
      return `${printAttribute(criteria.attribute)}~/${printRegex(criteria.pattern)}/${criteria.ignoreCase ? "i" : ""}`;
    case "compare":
      return `${printAttribute(criteria.attribute)}${criteria.comparison}${String(criteria.number)}`;
  }
}

/** Writes a template. */
export function printTemplate(template: Template): string {
  return template.map((part) => (typeof part === "string" ? part : `{${part.name}}`)).join("");
}

/** Writes a target. */
export function printTarget(target: Target): string {
  return `${target.destination}:${printTemplate(target.topic)}`;
}

/** Writes a rule in its short form. */
export function printRule(rule: Rule): string {
  return [printCriteria(rule.criteria), rule.action, ...rule.targets.map(printTarget)].join(" , ");
}
