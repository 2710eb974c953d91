/**
 * The rule language by itself: read rules, and find those that hold for an event.
 */
import { parseRule as parse } from "./flow/match/parse.ts";
import type { RuleWarning } from "./flow/match/rule-error.ts";
import type { Rule } from "./flow/match/rule.ts";

export { RuleIndex, type Selecting } from "./flow/match/rule-index/rule-index.ts";
export type { EventAttributes } from "./flow/match/rule-index/event-input.ts";
export { RuleSyntaxError, type RuleWarning } from "./flow/match/rule-error.ts";
export type { Rule } from "./flow/match/rule.ts";

export interface ParsedRule extends Rule {
  readonly warnings: readonly RuleWarning[];
}

export function parseRule(text: string): ParsedRule {
  const { rule, warnings } = parse(text);
  return { ...rule, warnings };
}
