/**
 * Turns the text of rules, templates and names into data.
 *
 * Promise: any text at all gives a result or one RuleSyntaxError with its place, in bounded time and stack.
 * docs/rules.md describes the language.
 */
import { expected, readCriteria } from "./criteria.ts";
import { readAttribute } from "./names.ts";
import { RuleReader } from "./reader.ts";
import type { RuleWarning } from "./rule-error.ts";
import type { Action, Attribute, Criteria, Rule, Target, Template } from "./rule.ts";
import { readAction, readTargets } from "./targets.ts";
import type { TargetOptions } from "./targets.ts";
import { readTemplate } from "./template.ts";

export { RuleSyntaxError } from "./rule-error.ts";
export type { RuleWarning } from "./rule-error.ts";
export type { TargetOptions } from "./targets.ts";

/**
 * Reads selection criteria that stand alone, as in `select:`.
 *
 * @throws RuleSyntaxError `SST_RULE_INVALID`, with line and column within the text.
 */
export function parseCriteria(text: string): { readonly criteria: Criteria; readonly warnings: readonly RuleWarning[] } {
  const reader = new RuleReader(text);
  const criteria = readCriteria(reader);
  if (reader.next === ",")
    throw reader.invalid('expected AND, OR or the end, found ","', "Only criteria stand here; action and target have places of their own.");
  if (!reader.ended) throw expected(reader, "AND, OR or the end");
  return { criteria, warnings: reader.warnings };
}

/**
 * Reads a rule in its short form: `criteria , action , target`, or `criteria , ignore`.
 *
 * @throws RuleSyntaxError `SST_RULE_INVALID`; `SST_NOT_AVAILABLE` for an action or a kind of target that is not there yet.
 */
export function parseRule(text: string, options: TargetOptions = {}): { readonly rule: Rule; readonly warnings: readonly RuleWarning[] } {
  const reader = new RuleReader(text);
  const criteria = readCriteria(reader);
  if (reader.ended) throw reader.invalid("expected a comma and an action, found the end", "A rule is criteria , action , target.");
  if (!reader.take(",")) throw expected(reader, "AND, OR or a comma");
  const action = readAction(reader);
  reader.skipSpace();
  const comma = reader.offset;
  const more = reader.take(",");
  if (!more && !reader.ended)
    throw reader.invalid(`expected a comma, found ${reader.describeNext()}`, "A rule is criteria , action , target.");
  if (action === "ignore") {
    if (more) throw reader.invalid("ignore takes no target", "It ends the rule.", comma);
    return { rule: { criteria, action, targets: [] }, warnings: reader.warnings };
  }
  if (!more) throw reader.invalid("publish needs a target", "A rule is criteria , publish , destination:topic.");
  return { rule: { criteria, action, targets: readTargets(reader, options) }, warnings: reader.warnings };
}

/** Reads an action that stands alone, as in `action:`. @throws RuleSyntaxError */
export function parseAction(text: string): Action {
  const reader = new RuleReader(text);
  const action = readAction(reader);
  reader.skipSpace();
  if (!reader.ended) throw reader.invalid(`expected the end, found ${reader.describeNext()}`, "Only the action stands here.");
  return action;
}

/** Reads targets that stand alone, as in `target:`. @throws RuleSyntaxError */
export function parseTargets(text: string, options: TargetOptions = {}): readonly Target[] {
  return readTargets(new RuleReader(text), options);
}

/** Reads the template of a key or a topic. @throws RuleSyntaxError */
export function parseTemplate(text: string): Template {
  return readTemplate(new RuleReader(text), text.length);
}

/** Reads a name that stands alone: a pointer, a header, a reserved word. @throws RuleSyntaxError */
export function parseAttribute(text: string): Attribute {
  const reader = new RuleReader(text);
  const attribute = readAttribute(reader);
  reader.skipSpace();
  if (reader.next === "~") throw reader.invalid("a ~ in a pointer must be ~0 (for ~) or ~1 (for /)");
  if (!reader.ended) throw reader.invalid(`expected the end of the name, found ${reader.describeNext()}`);
  return attribute;
}
