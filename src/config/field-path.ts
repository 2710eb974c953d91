/** The places that `redact` and `keep` name: `request.body/password`, `query.access_token`, `pattern:card-number`. */
import { POINTER_STEPS_MAX } from "../flow/match/bounds.ts";
import { didYouMean } from "../flow/match/suggest.ts";
import { PATTERN_NAMES } from "../flow/message/patterns.ts";
import type { FieldPath } from "../flow/settings.ts";
import { oneOf } from "./check.ts";

const CONTENT = /^(request\.body|response\.body|payload)(?:\/(.*))?$/s;
const PREFIXED = /^(header|response|query)\.(.*)$/s;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;

const FORMS = "request.body/…, response.body/…, payload/…, query.NAME, header.NAME, response.NAME or pattern:NAME";

/** @returns The place, or what is wrong with the text. */
export function parseFieldPath(text: string): FieldPath | { readonly problem: string; readonly hint?: string } {
  if (text.startsWith("pattern:")) return patternPath(text.slice("pattern:".length));
  const content = CONTENT.exec(text);
  if (content !== null) return contentPath(content[1] as "request.body" | "response.body" | "payload", content[2]);
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

function contentPath(
  part: "request.body" | "response.body" | "payload",
  pointer: string | undefined,
): FieldPath | { problem: string; hint?: string } {
  if (pointer === undefined) return { kind: "content", part, pointer: [] };
  const steps = pointer.split("/");
  if (steps.length > POINTER_STEPS_MAX) return { problem: `expected at most ${POINTER_STEPS_MAX} steps` };
  if (steps.some((step) => /~(?![01])/.test(step))) return { problem: "a ~ in a pointer must be ~0 (for ~) or ~1 (for /)" };
  if (steps.includes("")) return { problem: "a step of the pointer is empty", hint: "Remove the extra `/`." };
  if (steps.at(-1) === "**") return { problem: "** at the end adds nothing", hint: "A field is taken with all that is in it." };
  return { kind: "content", part, pointer: steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~")) };
}

function namedPath(prefix: string, name: string): FieldPath | { problem: string } {
  if (prefix === "query")
    return name === "" || name.length > 256 ? { problem: "expected the name of a query parameter after query." } : { kind: "query", name };
  if (!HEADER_NAME.test(name)) return { problem: `expected the name of a header after ${prefix}.` };
  return { kind: prefix === "header" ? "requestHeader" : "responseHeader", name: name.toLowerCase() };
}
