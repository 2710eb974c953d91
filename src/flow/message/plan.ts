/** What one stream removes and keeps, compiled once from its settings. The defaults hold besides, always. */
import { SidestreamError } from "../../errors.ts";
import { PointerAutomaton } from "../content/pointer-automaton.ts";
import type { ContentPart } from "../content/pointers.ts";
import type { FieldPath } from "../settings.ts";
import { PATTERN_NAMES, patternNamed, type Pattern } from "./patterns.ts";

export interface PartPlan {
  /** The whole body is to go. */
  readonly removeWhole: boolean;
  readonly redact: PointerAutomaton | null;
  readonly keep: "all" | "none" | PointerAutomaton;
}

export interface RedactionPlan {
  /** Lower-case names. */
  readonly requestHeaders: ReadonlySet<string>;
  readonly responseHeaders: ReadonlySet<string>;
  /** Lower-case names of query parameters. */
  readonly query: ReadonlySet<string>;
  readonly parts: Readonly<Record<ContentPart, PartPlan>>;
  readonly patterns: readonly Pattern[];
}

/**
 * Compiles `redact` and `keep` of a stream.
 *
 * @throws SidestreamError `SST_CONFIG_INVALID` for an unknown pattern name.
 */
export function compilePlan(redact: readonly FieldPath[], keep: readonly FieldPath[] | null): RedactionPlan {
  const names = (kind: FieldPath["kind"]): Set<string> =>
    new Set(redact.flatMap((path) => (path.kind === kind && path.kind !== "content" ? [path.name.toLowerCase()] : [])));
  const patterns = [...new Set(redact.flatMap((path) => (path.kind === "pattern" ? [path.name] : [])))].map((name) => {
    const pattern = patternNamed(name);
    if (pattern === undefined) {
      throw new SidestreamError("SST_CONFIG_INVALID", `redact: there is no pattern "${name}"; there are ${PATTERN_NAMES.join(", ")}`);
    }
    return pattern;
  });
  return {
    requestHeaders: names("requestHeader"),
    responseHeaders: names("responseHeader"),
    query: names("query"),
    parts: {
      "request.body": compilePart("request.body", redact, keep),
      "response.body": compilePart("response.body", redact, keep),
      payload: compilePart("payload", redact, keep),
    },
    patterns,
  };
}

function compilePart(part: ContentPart, redact: readonly FieldPath[], keep: readonly FieldPath[] | null): PartPlan {
  const removed = automatonOf(part, redact);
  return {
    removeWhole: removed !== null && removed.accepts(removed.start),
    redact: removed,
    keep: keep === null ? "all" : compileKeep(automatonOf(part, keep)),
  };
}

function compileKeep(automaton: PointerAutomaton | null): PartPlan["keep"] {
  if (automaton === null) return "none";
  return automaton.accepts(automaton.start) ? "all" : automaton;
}

function automatonOf(part: ContentPart, paths: readonly FieldPath[]): PointerAutomaton | null {
  const pointers = paths.flatMap((path) => (path.kind === "content" && path.part === part ? [path.pointer] : []));
  // A step that is no index goes through arrays: who names `users/email` means the address of every user.
  return pointers.length === 0 ? null : new PointerAutomaton(pointers, { throughArrays: true });
}

/** The defaults and nothing else. */
export const BASE_PLAN: RedactionPlan = compilePlan([], null);
