/**
 * Checks a value against its schema and tells each fault in words, at its place in the file.
 *
 * Promise: every fault of the value is told, none hides another; what a secret stood for is never told.
 */
import type { z } from "zod";
import { didYouMean } from "../flow/match/suggest.ts";
import { type Findings, formatPath } from "./finding.ts";
import { keysAt } from "./schema-keys.ts";
import type { ResolvedValue } from "./secrets.ts";
import type { Path, YamlDocument } from "./yaml-document.ts";

export interface CheckContext {
  readonly document: YamlDocument;
  readonly findings: Findings;
  /** Where the value has secrets. */
  readonly resolved?: ResolvedValue;
  /** Places already told, as formatted paths: faults there and below are not told again. */
  readonly told?: ReadonlySet<string>;
  /** Keys that stand beside the schema's own, for did-you-mean. */
  readonly keysBeside?: readonly string[];
}

/** Stands for "no message of the schema's own". */
const UNTOLD = "\0";

/**
 * @param path - Where the value stands in its document.
 * @returns The checked value with its defaults, or undefined when it has a fault.
 */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  path: Path,
  context: CheckContext,
): z.output<Schema> | undefined {
  const parse = (input: unknown) => schema.safeParse(input, { error: () => UNTOLD });
  let result = parse(value);
  if (!result.success && context.resolved !== undefined) {
    const converted = convertPlaceholders(value, result.error.issues, path, context.resolved);
    if (converted !== undefined) result = parse(converted);
  }
  if (result.success) return result.data;
  for (const issue of result.error.issues) tellIssue(issue, { schema, value, path, context });
  return undefined;
}

/** A placeholder is text; where a number, or true or false, is wanted and it is one, it becomes one. */
function convertPlaceholders(value: unknown, issues: readonly z.core.$ZodIssue[], path: Path, resolved: ResolvedValue): unknown {
  let copy: unknown;
  for (const issue of issues) {
    if (issue.code !== "invalid_type" || !["number", "int", "boolean"].includes(issue.expected)) continue;
    if (!resolved.isPlaceholder([...path, ...issue.path])) continue;
    const text = valueAt(value, issue.path);
    if (typeof text !== "string") continue;
    const wanted = issue.expected === "boolean" ? /^(true|false)$/ : /^-?\d{1,15}(\.\d{1,15})?$/;
    if (!wanted.test(text)) continue;
    copy ??= structuredClone(value);
    const last = issue.path.at(-1);
    const parent = valueAt(copy, issue.path.slice(0, -1)) as Record<PropertyKey, unknown>;
    if (last !== undefined) parent[last] = JSON.parse(text) as unknown;
  }
  return copy;
}

interface Telling {
  readonly schema: z.core.$ZodType;
  readonly value: unknown;
  readonly path: Path;
  readonly context: CheckContext;
}

function tellIssue(issue: z.core.$ZodIssue, telling: Telling): void {
  if (issue.code === "unrecognized_keys") {
    const known = [...keysAt(telling.schema, issue.path), ...(issue.path.length === 0 ? (telling.context.keysBeside ?? []) : [])];
    for (const key of issue.keys) {
      tell(telling, [...issue.path, key], `unknown key "${key.slice(0, 100)}"${didYouMean(key, known)}`, "key");
    }
    return;
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const fitting = branchesThatFit(issue.errors);
    // The schema's own words are for values of no known form; where one form fits, its own faults say more.
    if (fitting[0] !== undefined && (fitting.length === 1 || issue.message === UNTOLD)) {
      for (const inner of fitting[0]) tellIssue({ ...inner, path: [...issue.path, ...inner.path] }, telling);
      return;
    }
  }
  tell(
    telling,
    issue.path,
    issue.message === UNTOLD ? describe(issue, telling.value) : issue.message,
    issue.code === "invalid_key" ? "key" : "value",
  );
}

/** Of the forms that a value may have, those whose outer shape fits. */
function branchesThatFit(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly (readonly z.core.$ZodIssue[])[] {
  return branches.filter((issues) =>
    issues.every((issue) => issue.path.length > 0 || (issue.code !== "invalid_type" && issue.code !== "invalid_value")),
  );
}

function tell({ path, context }: Telling, below: Path, problem: string, at: "key" | "value"): void {
  const full = [...path, ...below];
  const told = context.told;
  if (told !== undefined && full.some((_, index) => told.has(formatPath(full.slice(0, index + 1))))) return;
  context.findings.add({
    severity: "error",
    code: "SST_CONFIG_INVALID",
    file: context.document.file,
    ...(at === "key" ? context.document.placeOfKey(full) : context.document.place(full)),
    // An unknown key is told by name; its path is that of what it stands in.
    path: formatPath(at === "key" ? full.slice(0, -1) : full),
    problem: context.resolved?.conceal(problem, full) ?? problem,
  });
}

const NOUNS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "keys with values",
  record: "keys with values",
};

function describe(issue: z.core.$ZodIssue, root: unknown): string {
  const value = valueAt(root, issue.path);
  switch (issue.code) {
    case "invalid_type":
      return `${value === undefined ? "missing: " : ""}expected ${NOUNS[issue.expected] ?? issue.expected}${found(value)}`;
    case "invalid_value": {
      const expected = issue.values.map((allowed) => (typeof allowed === "string" ? `"${allowed}"` : String(allowed)));
      const near =
        typeof value === "string"
          ? didYouMean(
              value,
              issue.values.filter((allowed) => typeof allowed === "string"),
            )
          : found(value);
      return `${value === undefined ? "missing: " : ""}expected ${oneOf(expected)}${near}`;
    }
    case "too_small":
      return `expected at least ${amount(issue.minimum, issue.origin)}`;
    case "too_big":
      return `expected at most ${amount(issue.maximum, issue.origin)}`;
    case "invalid_format":
      return `expected text of the form ${issue.pattern ?? issue.format}`;
    case "invalid_key":
      return issue.issues.find((inner) => inner.message !== UNTOLD)?.message ?? "this name is not accepted";
    case "invalid_union": {
      const options = "options" in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
      if (options.length === 0) return "expected another kind of value here";
      const near = typeof value === "string" ? didYouMean(value, options) : found(value);
      return `${value === undefined ? "missing: " : ""}expected ${oneOf(options.map((option) => `"${option}"`))}${near}`;
    }
    default:
      return "this value is not accepted here";
  }
}

export function oneOf(texts: readonly string[]): string {
  return texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} or ${texts.at(-1)}`;
}

function amount(count: number | bigint, origin: string): string {
  if (origin === "string") return `${count} character${count === 1 ? "" : "s"}`;
  if (origin === "array" || origin === "set" || origin === "map") return `${count} item${count === 1 ? "" : "s"}`;
  return String(count);
}

function found(value: unknown): string {
  if (value === undefined) return "";
  if (value === null) return ", found nothing";
  if (Array.isArray(value)) return ", found a list";
  if (typeof value === "object") return ", found keys with values";
  // Numbers and booleans are not secret, and seeing `true` for a word in capitals explains itself.
  if (typeof value === "number" || typeof value === "boolean") return `, found ${value}`;
  return ", found text";
}

/** The value at a path below another. */
export function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, step)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[step];
  }
  return current;
}
