/** The rules of a descriptor, short and long form. */
import { parseAction, parseCriteria, parseRule, parseTargets } from "../flow/match/parse.ts";
import type { Action, Criteria, Target } from "../flow/match/rule.ts";
import { DELIVERIES, RULE_MODES, type HeaderSettings, type RuleSettings } from "../flow/settings.ts";
import { valueAt } from "./check.ts";
import { mergeHeaders, readHeaders } from "./descriptor-headers.ts";
import { type Findings, formatPath } from "./finding.ts";
import { tellRuleError, tellRuleReadAsKeys, tellRuleWarnings } from "./rule-finding.ts";
import { longRuleSchema, RULES_MAX } from "./stream-schema.ts";
import type { Path, YamlDocument } from "./yaml-document.ts";

/**
 * Reads every rule; what is wrong is told, and such a rule left out. The shape of the list is the schema's business.
 *
 * @param headers - Those of the stream.
 */
export function readRules(document: YamlDocument, headers: readonly HeaderSettings[], findings: Findings): readonly RuleSettings[] {
  const rules = valueAt(document.value, ["rules"]);
  if (!Array.isArray(rules)) return [];
  const settings: RuleSettings[] = [];
  for (const [index, rule] of rules.slice(0, RULES_MAX).entries()) {
    const path = ["rules", index];
    if (typeof rule === "string") {
      const parsed = attempt(() => parseRule(rule), document, path, findings);
      if (parsed === undefined) continue;
      tellRuleWarnings(parsed.warnings, document, path, findings);
      settings.push({ ...parsed.rule, number: index + 1 });
    } else if (typeof rule === "object" && rule !== null) {
      const long = readLongRule(document, path, findings);
      const at = [...path, "headers"];
      const own = readHeaders(at, document, findings);
      const merged = own === undefined ? {} : { headers: mergeHeaders(headers, own, at, document, findings) };
      if (long !== undefined) settings.push({ ...long, ...merged, number: index + 1 });
    }
  }
  return settings;
}

/** Places of rules that YAML took apart: their shape is not worth a word more. */
export function rulesReadAsKeys(document: YamlDocument, findings: Findings): ReadonlySet<string> {
  const told = new Set<string>();
  const rules = valueAt(document.value, ["rules"]);
  if (!Array.isArray(rules)) return told;
  for (const index of rules.keys()) {
    const path = ["rules", index];
    if (tellRuleReadAsKeys(document, path, Object.keys(longRuleSchema.shape), findings)) told.add(formatPath(path));
  }
  return told;
}

function readLongRule(document: YamlDocument, path: Path, findings: Findings): Omit<RuleSettings, "number"> | undefined {
  const text = (key: string): string | undefined => {
    const value = valueAt(document.value, [...path, key]);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const read = <Result>(key: string, parse: (value: string) => Result): Result | undefined => {
    const value = text(key);
    return value === undefined ? undefined : attempt(() => parse(value), document, [...path, key], findings);
  };
  const parsed = read("select", parseCriteria);
  if (parsed !== undefined) tellRuleWarnings(parsed.warnings, document, [...path, "select"], findings);
  const criteria: Criteria | undefined = parsed?.criteria;
  const action: Action | undefined = read("action", parseAction);
  const targets: readonly Target[] | undefined = read("target", (value) => parseTargets(value));
  if (action === "publish" && text("target") === undefined)
    tellTarget(document, path, "missing: publish needs a target", "A target is destination:topic.", findings);
  if (action === "ignore" && text("target") !== undefined)
    tellTarget(document, [...path, "target"], "ignore takes no target", "Remove the line.", findings);
  if (criteria === undefined || action === undefined) return undefined;
  const delivery = DELIVERIES.find((each) => each === text("delivery"));
  const mode = RULE_MODES.find((each) => each === text("mode"));
  return {
    criteria,
    action,
    targets: targets ?? [],
    ...(delivery === undefined ? {} : { delivery }),
    ...(mode === undefined ? {} : { mode }),
  };
}

function tellTarget(document: YamlDocument, path: Path, problem: string, hint: string, findings: Findings): void {
  findings.add({
    severity: "error",
    code: "SST_RULE_INVALID",
    file: document.file,
    ...document.place(path),
    path: formatPath(path),
    problem,
    hint,
  });
}

function attempt<Result>(parse: () => Result, document: YamlDocument, path: Path, findings: Findings): Result | undefined {
  // A rule's error is told with its place in the rule: the way to it takes a quarter of the time where 100,000 are wrong.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 1;
  try {
    return parse();
  } catch (error) {
    tellRuleError(error, document, path, findings);
    return undefined;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
