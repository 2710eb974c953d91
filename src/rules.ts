/**
 * The rule language by itself, without Sidestream's sources, spool and destinations: read rules, and find those that hold
 * for an event.
 *
 * ```ts
 * import { parseRule, RuleIndex } from "sidestream/rules";
 *
 * const index = new RuleIndex();
 * index.add("created", parseRule("x-okapi-tenant=diku AND METHOD=POST , publish , kafka1:users"));
 * index.match({ "X-Okapi-Tenant": "diku", METHOD: "POST" }); // ["created"]
 * ```
 *
 * docs/rules.md describes the language.
 */
import { parseRule as parse } from "./flow/match/parse.ts";
import type { RuleWarning } from "./flow/match/rule-error.ts";
import type { Rule } from "./flow/match/rule.ts";

export { isSidestreamError, SidestreamError } from "./errors.ts";
export type { Explanation } from "./flow/match/explain.ts";
export type { EventAttributes } from "./flow/match/rule-index/event-input.ts";
export { RuleIndex, type ExplainedRule, type Selecting } from "./flow/match/rule-index/rule-index.ts";
export { RuleSyntaxError, type RuleWarning } from "./flow/match/rule-error.ts";
export type { Criteria, Rule, Target, Template } from "./flow/match/rule.ts";

/** A rule as data, with what its text warns of. */
export interface ParsedRule extends Rule {
  /** What parses, but probably doesn't mean what its writer thinks; at most 100. */
  readonly warnings: readonly RuleWarning[];
}

/**
 * Reads a rule: `criteria , action , target`.
 *
 * @param text - At most 65,536 characters; docs/rules.md lists all bounds.
 * @throws RuleSyntaxError `SST_RULE_INVALID`, or `SST_NOT_AVAILABLE` for what this release does not have yet; with line,
 * column (UTF-16 code units, from 1) and a hint.
 */
export function parseRule(text: string): ParsedRule {
  const { rule, warnings } = parse(text);
  return { ...rule, warnings };
}
