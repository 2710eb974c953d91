/**
 * Secrets: `${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}` in the texts of the configuration.
 *
 * Promise: resolved after the YAML is parsed, so that a value can't change the structure; an unset one is an error;
 * a resolved value never stands in a finding. Message stream descriptors have no secrets and are not resolved.
 */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type Findings, formatPath } from "./finding.ts";
import type { Path, YamlDocument } from "./yaml-document.ts";

/** A key with its certificates fits; anything larger is the wrong file. */
export const SECRET_BYTES_MAX = 64 * 1024;
/** Placeholders in one configuration. */
const PLACEHOLDERS_MAX = 1_000;
/** Shorter values can't be told from ordinary text, so they are only hidden at their own place. */
const HIDDEN_LENGTH_MIN = 4;

const PLACEHOLDER = /\$\$\{|\$\{([^}]*)(\}?)/g;
const WHOLE_PLACEHOLDER = /^\$\{[^}]*\}$/;
const ENV = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;
const FILE = /^file:([^\0]+)$/;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration's value with its placeholders filled in, and what is needed to keep them out of messages. */
export class ResolvedValue {
  readonly value: unknown;
  /** Path to the text as it stands in the file, where that has a placeholder. */
  readonly #written: ReadonlyMap<string, string>;
  readonly #secrets: ReadonlyMap<string, string>;
  /** Formatted paths of texts with a placeholder that could not be filled in: told already. */
  readonly unfilled: ReadonlySet<string>;

  constructor(
    value: unknown,
    written: ReadonlyMap<string, string>,
    secrets: ReadonlyMap<string, string>,
    unfilled: ReadonlySet<string> = new Set(),
  ) {
    this.value = value;
    this.unfilled = unfilled;
    this.#written = written;
    this.#secrets = secrets;
  }

  /** The text in the file at a path when it has placeholders. */
  written(path: Path): string | undefined {
    return this.#written.get(formatPath(path));
  }

  /** True when the whole text at a path is one placeholder. */
  isPlaceholder(path: Path): boolean {
    return WHOLE_PLACEHOLDER.test(this.written(path) ?? "");
  }

  /** A text that was made of the value at a path, such as a file's name, with the placeholders back in it. */
  shown(text: string, path: Path): string {
    let shown = text;
    for (const placeholder of placeholdersIn(this.written(path) ?? "")) {
      const secret = this.#secrets.get(placeholder) ?? "";
      if (secret !== "") shown = shown.replaceAll(secret, placeholder);
    }
    return shown;
  }

  /** A message about the value at a path, freed of what was filled in anywhere. */
  conceal(message: string, path: Path): string {
    const written = this.written(path);
    const here = written === undefined ? [] : placeholdersIn(written);
    for (const [placeholder, secret] of this.#secrets) {
      if (secret === "" || !message.includes(secret)) continue;
      if (here.includes(placeholder)) return `the value of ${written} is not accepted here`;
      if (secret.length >= HIDDEN_LENGTH_MIN) message = message.replaceAll(secret, placeholder);
    }
    return message;
  }
}

/**
 * Fills in every placeholder below a value.
 *
 * @param folder - What `${file:…}` paths are relative to.
 */
export async function resolveSecrets(
  document: YamlDocument,
  folder: string,
  environment: Environment,
  findings: Findings,
): Promise<ResolvedValue> {
  const texts: { path: Path; text: string }[] = [];
  collect(document.value, [], texts);
  const secrets = new Map<string, string>();
  const written = new Map<string, string>();
  const unfilled = new Set<string>();
  let count = 0;
  for (const { path, text } of texts) {
    written.set(formatPath(path), text);
    for (const placeholder of placeholdersIn(text)) {
      count += 1;
      if (secrets.has(placeholder) || count > PLACEHOLDERS_MAX) continue;
      const found = await lookUp(placeholder, folder, environment);
      if ("value" in found) secrets.set(placeholder, found.value);
      else {
        const place = document.placeInText(path, text.indexOf(placeholder));
        unfilled.add(formatPath(path));
        findings.add({ severity: "error", code: "SST_CONFIG_INVALID", file: document.file, ...place, path: formatPath(path), ...found });
      }
    }
  }
  if (count > PLACEHOLDERS_MAX) {
    findings.add({
      severity: "error",
      code: "SST_CONFIG_INVALID",
      file: document.file,
      line: 1,
      column: 1,
      path: "",
      problem: `expected at most ${PLACEHOLDERS_MAX} placeholders, found ${count}`,
    });
  }
  return new ResolvedValue(fillIn(document.value, secrets), written, secrets, unfilled);
}

function collect(value: unknown, path: Path, into: { path: Path; text: string }[]): void {
  if (typeof value === "string") {
    if (value.includes("${")) into.push({ path, text: value });
  } else if (Array.isArray(value)) value.forEach((item: unknown, index) => collect(item, [...path, index], into));
  else if (typeof value === "object" && value !== null)
    for (const [key, item] of Object.entries(value)) collect(item, [...path, key], into);
}

function placeholdersIn(text: string): readonly string[] {
  return [...text.matchAll(PLACEHOLDER)].map((match) => match[0]).filter((match) => match !== "$${");
}

async function lookUp(
  placeholder: string,
  folder: string,
  environment: Environment,
): Promise<{ value: string } | { problem: string; hint: string }> {
  const inside = placeholder.endsWith("}") ? placeholder.slice(2, -1) : "";
  const env = ENV.exec(inside);
  if (env !== null) {
    const [, name = "", fallback] = env;
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (fallback !== undefined) return { value: value === undefined || value === "" ? fallback : value };
    if (value !== undefined) return { value };
    return { problem: `the environment variable ${name} is not set`, hint: `Set it, or give a default: \${env:${name}:-default}.` };
  }
  const file = FILE.exec(inside);
  if (file !== null) return readSecret(placeholder, resolve(folder, file[1] ?? ""));
  return {
    problem: "expected ${env:NAME}, ${env:NAME:-default} or ${file:PATH}",
    hint: "Write $${ for the characters ${ themselves.",
  };
}

async function readSecret(placeholder: string, file: string): Promise<{ value: string } | { problem: string; hint: string }> {
  const hint = "Check that the file exists and that this user may read it.";
  try {
    const entry = await stat(file);
    if (!entry.isFile()) return { problem: `${placeholder}: expected a file, found something else`, hint };
    if (entry.size > SECRET_BYTES_MAX)
      return { problem: `${placeholder}: expected at most ${SECRET_BYTES_MAX} bytes`, hint: "Is it the right file?" };
    const bytes = await readFile(file);
    return { value: new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "") };
  } catch (cause) {
    if (cause instanceof TypeError)
      return { problem: `${placeholder}: expected UTF-8 text, found other bytes`, hint: "Is it the right file?" };
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    return { problem: `${placeholder}: can't be read (${code})`, hint };
  }
}

function fillIn(value: unknown, secrets: ReadonlyMap<string, string>): unknown {
  if (typeof value === "string") {
    return value.replace(PLACEHOLDER, (match) => (match === "$${" ? "${" : (secrets.get(match) ?? match)));
  }
  if (Array.isArray(value)) return value.map((item: unknown) => fillIn(item, secrets));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillIn(item, secrets)]));
  }
  return value;
}
