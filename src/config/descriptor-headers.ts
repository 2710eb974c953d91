/** The headers that a descriptor, or a rule of it, gives its messages. */
import { parseTemplate } from "../flow/match/parse.ts";
import type { HeaderSettings } from "../flow/settings.ts";
import { valueAt } from "./check.ts";
import { type Findings, formatPath } from "./finding.ts";
import { tellRuleError } from "./rule-finding.ts";
import { HEADERS_MAX } from "./stream-schema.ts";
import type { Path, YamlDocument } from "./yaml-document.ts";

/**
 * Reads the headers at a path; what is wrong is told, and such a header left out. Names and the shape of it all are the
 * schema's business.
 *
 * @returns Undefined when there is nothing at the path.
 */
export function readHeaders(path: Path, document: YamlDocument, findings: Findings): readonly HeaderSettings[] | undefined {
  const headers = valueAt(document.value, path);
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return undefined;
  const settings: HeaderSettings[] = [];
  const names = new Map<string, string>();
  for (const [name, text] of Object.entries(headers).slice(0, HEADERS_MAX)) {
    const at = [...path, name];
    const same = names.get(name.toLowerCase());
    if (same !== undefined) {
      tell(document.placeOfKey(at), `"${name}" and "${same}" are one header in most protocols`, path, document, findings);
    } else names.set(name.toLowerCase(), name);
    if (typeof text !== "string" || text === "") continue;
    try {
      settings.push({ name, value: parseTemplate(text) });
    } catch (error) {
      tellRuleError(error, document, at, findings);
    }
  }
  return settings;
}

/**
 * The headers of a rule's messages: those of the stream, a rule's own in place of one with the same name.
 *
 * @param path - Of the rule's headers.
 */
export function mergeHeaders(
  ofStream: readonly HeaderSettings[],
  ofRule: readonly HeaderSettings[],
  path: Path,
  document: YamlDocument,
  findings: Findings,
): readonly HeaderSettings[] {
  const own = new Set(ofRule.map(({ name }) => name.toLowerCase()));
  const headers = [...ofStream.filter(({ name }) => !own.has(name.toLowerCase())), ...ofRule];
  if (headers.length > HEADERS_MAX) {
    const problem = `with those of the stream these are ${headers.length} headers; expected at most ${HEADERS_MAX}`;
    tell(document.place(path), problem, path, document, findings);
  }
  return headers;
}

function tell(place: ReturnType<YamlDocument["place"]>, problem: string, path: Path, document: YamlDocument, findings: Findings): void {
  findings.add({ severity: "error", code: "SST_CONFIG_INVALID", file: document.file, ...place, path: formatPath(path), problem });
}
