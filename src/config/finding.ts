/**
 * What is wrong with a configuration, and where.
 *
 * Promise: all findings are reported at once, in the order of files and lines, and their number is bounded.
 */
import { type ErrorCode, SidestreamError } from "../errors.ts";

/** A place in a file; both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Finding extends Place {
  readonly severity: "error" | "warning";
  readonly code: ErrorCode;
  /** The file as the user named it, or the flag: `--rule`. */
  readonly file: string;
  /** Keys to the place: `sources.front.routes[0]`. Empty for the file as a whole. */
  readonly path: string;
  readonly problem: string;
  /** A rule's text with a caret under the place. */
  readonly excerpt?: string;
  readonly hint?: string;
}

/** Findings kept of each severity: more than anybody reads, and a bound on memory. */
export const FINDINGS_MAX = 1_000;

/** Collects findings. */
export class Findings {
  readonly #errors: Finding[] = [];
  readonly #warnings: Finding[] = [];
  #errorCount = 0;
  #warningCount = 0;

  add(finding: Finding): void {
    const list = finding.severity === "error" ? this.#errors : this.#warnings;
    if (finding.severity === "error") this.#errorCount += 1;
    else this.#warningCount += 1;
    if (list.length < FINDINGS_MAX) list.push(finding);
  }

  /** Errors so far, also those beyond the bound. */
  get errorCount(): number {
    return this.#errorCount;
  }

  /** The same of warnings. */
  get warningCount(): number {
    return this.#warningCount;
  }

  errors(): readonly Finding[] {
    return inOrder(this.#errors);
  }

  warnings(): readonly Finding[] {
    return inOrder(this.#warnings);
  }

  /** @throws ConfigurationError when there is an error among the findings. */
  throwErrors(): void {
    if (this.#errorCount > 0) throw new ConfigurationError(this.errors(), this.#errorCount - this.#errors.length);
  }
}

/** By place within a file; files stay in the order in which they were met. */
function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const files = new Map<string, number>();
  for (const { file } of findings) if (!files.has(file)) files.set(file, files.size);
  return findings.toSorted(
    (left, right) => (files.get(left.file) ?? 0) - (files.get(right.file) ?? 0) || left.line - right.line || left.column - right.column,
  );
}

/** The whole configuration is refused; `findings` says why, all at once. */
export class ConfigurationError extends SidestreamError {
  readonly findings: readonly Finding[];
  /** Errors found beyond those listed. */
  readonly omitted: number;

  constructor(findings: readonly Finding[], omitted = 0) {
    const lines = findings.map(formatFinding);
    if (omitted > 0) lines.push(`and ${omitted} more`);
    const unreadable = findings.length > 0 && findings.every((finding) => finding.code === "SST_CONFIG_UNREADABLE");
    super(unreadable ? "SST_CONFIG_UNREADABLE" : "SST_CONFIG_INVALID", lines.join("\n"));
    this.findings = findings;
    this.omitted = omitted;
  }
}

/** `file:line:column path: problem`, and below it the excerpt and the hint, indented. */
export function formatFinding(finding: Finding): string {
  const path = finding.path === "" ? "" : ` ${finding.path}`;
  const severity = finding.severity === "warning" ? "warning: " : "";
  const lines = [`${finding.file}:${finding.line}:${finding.column}${path}: ${severity}${finding.problem}`];
  if (finding.excerpt !== undefined) lines.push(...finding.excerpt.split("\n").map((line) => `    ${line}`));
  if (finding.hint !== undefined) lines.push(`    ${finding.hint}`);
  return lines.join("\n");
}

/** `sources.front.routes[0]` from its steps. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += text === "" ? String(step) : `.${String(step)}`;
  }
  return text;
}
