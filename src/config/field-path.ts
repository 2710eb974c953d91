/** The places that `redact` and `keep` name: `request.body/password`, `query.access_token`, `pattern:card-number`. */
import { parseAttribute, RuleSyntaxError } from "../flow/match/parse.ts";
import { didYouMean } from "../flow/match/suggest.ts";
import { PATTERN_NAMES } from "../flow/message/patterns.ts";
import type { FieldPath } from "../flow/settings.ts";
import { oneOf } from "./check.ts";

const CONTENT = /^(?:request\.body|response\.body|payload)(?:\/|$)/;
const PREFIXED = /^(header|response|query)\.(.*)$/s;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;

const FORMS = "request.body/…, response.body/…, payload/…, query.NAME, header.NAME, response.NAME or pattern:NAME";

/** @returns The place, or what is wrong with the text. */
export function parseFieldPath(text: string): FieldPath | { readonly problem: string; readonly hint?: string } {
  if (text.startsWith("pattern:")) return patternPath(text.slice("pattern:".length));
  if (CONTENT.test(text)) return contentPath(text);
  const prefixed = PREFIXED.exec(text);
  if (prefixed !== null) return namedPath(prefixed[1] ?? "", prefixed[2] ?? "");
  if (/^(request|response|body|query|header|payload|pattern)([./].*)?$/s.test(text)) return { problem: `expected ${FORMS}` };
  if (!HEADER_NAME.test(text)) return { problem: `expected the name of a header, ${FORMS}` };
  return { kind: "requestHeader", name: text.toLowerCase() };
}

function patternPath(name: string): FieldPath | { problem: string } {
  if (PATTERN_NAMES.some((known) => known === name)) return { kind: "pattern", name };
  return { problem: `no such pattern; there are ${oneOf(PATTERN_NAMES).replace(" or ", " and ")}${didYouMean(name, PATTERN_NAMES)}` };
}

/** A pointer is written as in rules, so that one can be copied from the other. */
function contentPath(text: string): FieldPath | { problem: string; hint?: string } {
  try {
    const attribute = parseAttribute(text);
    if (attribute.kind !== "content") return { problem: `expected ${FORMS}` };
    const { pointer } = attribute;
    if (pointer.includes("")) return { problem: "a step of the pointer is empty", hint: "Remove the extra `/`." };
    if (pointer.at(-1) === "**") return { problem: "** at the end adds nothing", hint: "A field is taken with all that is in it." };
    return attribute;
  } catch (error) {
    if (!(error instanceof RuleSyntaxError)) throw error;
    return { problem: error.problem, hint: error.hint };
  }
}

function namedPath(prefix: string, name: string): FieldPath | { problem: string } {
  if (prefix === "query")
    return name === "" || name.length > 256 ? { problem: "expected the name of a query parameter after query." } : { kind: "query", name };
  if (!HEADER_NAME.test(name)) return { problem: `expected the name of a header after ${prefix}.` };
  return { kind: prefix === "header" ? "requestHeader" : "responseHeader", name: name.toLowerCase() };
}
