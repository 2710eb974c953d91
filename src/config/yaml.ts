/**
 * Strict YAML: the 1.2 core schema and nothing that surprises, with the place of every value.
 *
 * Promise: a hostile or broken file costs bounded time and memory, and every fault in it becomes a finding at its
 * line and column. Refused: several documents, directives, tags beyond the core, merge keys, repeated keys, keys that
 * aren't text, deep nesting, aliases without end.
 */
import { readFile, stat } from "node:fs/promises";
import { Composer, type CST, type Document, LineCounter, Parser, type YAMLError } from "yaml";
import type { Findings } from "./finding.ts";
import { YamlDocument } from "./yaml-document.ts";
import { Conversion, DEPTH_MAX, type Refuse } from "./yaml-values.ts";

/** A configuration is read by people: 1 MiB is a thousand streams' worth of text. */
export const FILE_BYTES_MAX = 1024 * 1024;
/**
 * Reads and parses a file.
 *
 * @param file - Relative to the working directory.
 * @param shown - What it is called in findings; as the user named it.
 * @returns Null when it can't be used; the reason is among the findings then.
 */
export async function readYaml(file: string, findings: Findings, shown = file): Promise<YamlDocument | null> {
  const text = await readText(file, shown, findings);
  return text === null ? null : parseYaml(shown, text, findings);
}

async function readText(file: string, shown: string, findings: Findings): Promise<string | null> {
  const refuse = (code: "SST_CONFIG_UNREADABLE" | "SST_CONFIG_INVALID", problem: string, hint?: string): null => {
    findings.add({ severity: "error", code, file: shown, line: 1, column: 1, path: "", problem, ...(hint === undefined ? {} : { hint }) });
    return null;
  };
  let bytes: Buffer;
  try {
    const entry = await stat(file);
    if (!entry.isFile()) return refuse("SST_CONFIG_UNREADABLE", "expected a file, found something else");
    if (entry.size > FILE_BYTES_MAX) return refuse("SST_CONFIG_INVALID", tooLarge(entry.size));
    bytes = await readFile(file);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    const missing = code === "ENOENT" || code === "ENOTDIR";
    return refuse(
      "SST_CONFIG_UNREADABLE",
      missing ? "no such file" : `can't be read: ${code}`,
      missing ? undefined : "Check that this user may read it.",
    );
  }
  if (bytes.length > FILE_BYTES_MAX) return refuse("SST_CONFIG_INVALID", tooLarge(bytes.length));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse("SST_CONFIG_INVALID", "expected UTF-8 text, found other bytes", "Save the file as UTF-8.");
  }
}

function tooLarge(bytes: number): string {
  return `expected at most ${FILE_BYTES_MAX} bytes, found ${bytes}`;
}

/** Parses YAML text; null when it has faults, which are among the findings then. */
export function parseYaml(file: string, text: string, findings: Findings): YamlDocument | null {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const lines = new LineCounter();
  // Built before the parse, so that the faults can be placed.
  const placed = new YamlDocument(file, source, null, null, lines);
  const before = findings.errorCount;
  const refuse = (offset: number, problem: string, hint?: string, path = ""): void => {
    findings.add({
      severity: "error",
      code: "SST_CONFIG_INVALID",
      file,
      ...placed.placeAt(offset),
      path,
      problem,
      ...(hint === undefined ? {} : { hint }),
    });
  };
  if (Buffer.byteLength(source) > FILE_BYTES_MAX) refuse(0, tooLarge(Buffer.byteLength(source)));
  if (findings.errorCount > before) return null;

  const tokens = [...new Parser(lines.addNewLine).parse(source)];
  checkTokens(tokens, refuse);
  if (findings.errorCount > before) return null;

  // Repeated keys are looked for below: the library's own search takes time that grows with the square of their number.
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: false,
    resolveKnownTags: false,
    prettyErrors: false,
  });
  const documents = [...composer.compose(tokens, false, source.length)] as Document.Parsed[];
  const [document, second] = documents;
  if (second !== undefined)
    refuse(second.range[0], "expected one YAML document, found several", "Remove the `---` line, or make it files of their own.");
  for (const error of told(document?.errors ?? [], lines))
    refuse(error.pos[0], `not valid YAML: ${error.message}`, syntaxHint(source, error.pos[0]));
  for (const warning of document?.warnings ?? []) refuse(warning.pos[0], `not accepted in YAML here: ${warning.message}`);
  if (findings.errorCount > before || document === undefined) {
    return findings.errorCount > before ? null : new YamlDocument(file, source, null, null, lines);
  }
  const value = new Conversion(document, source, refuse).run();
  return findings.errorCount > before ? null : new YamlDocument(file, source, value, document, lines);
}

/**
 * Errors that say something new. One wrong character can make dozens: on its line several, and where the parser has lost
 * its place, one for each of the tokens that are left.
 */
function told(errors: readonly YAMLError[], lines: LineCounter): readonly YAMLError[] {
  const lost = errors.findIndex((error) => error.code === "UNEXPECTED_TOKEN");
  const meant = lost === -1 ? errors : errors.slice(0, Math.max(lost, 1));
  const lineOf = (error: YAMLError): number => lines.linePos(error.pos[0]).line;
  return meant.filter((error, index) => index === 0 || lineOf(error) !== lineOf(meant[index - 1] as YAMLError));
}

/** Depth and directives are looked at before anything recursive sees the tokens. */
function checkTokens(tokens: readonly CST.Token[], refuse: Refuse): void {
  const open: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    const { token, depth } = entry;
    if (depth > DEPTH_MAX) return refuse(token.offset, `expected at most ${DEPTH_MAX} levels of nesting`);
    if (token.type === "directive" && token.source.trim() !== "%YAML 1.2")
      refuse(token.offset, "YAML directives are not accepted", "Remove the line that begins with `%`.");
    if (token.type === "document" && token.value !== undefined) open.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    for (const { key, value } of token.items) {
      if (key !== undefined && key !== null) open.push({ token: key, depth: depth + 1 });
      if (value !== undefined) open.push({ token: value, depth: depth + 1 });
    }
  }
}

/** A rule is the one text in our files that easily breaks YAML. */
function syntaxHint(source: string, offset: number): string | undefined {
  const start = source.lastIndexOf("\n", Math.max(0, offset - 1)) + 1;
  const line = source.slice(start, source.indexOf("\n", start) === -1 ? undefined : source.indexOf("\n", start));
  if (line.includes("\t") && /^\s*\t/.test(line)) return "Indent with spaces.";
  if (/^\s*-\s.*,\s*(publish|capture|ignore|broadcast|sync)\b/.test(line) || /^\s*(-\s+)?(select|target):\s/.test(line)) {
    return "If this is a rule, quote the rule: put it in '…', with '' for each ' inside.";
  }
  return undefined;
}
