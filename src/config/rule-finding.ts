/** Errors of the rule language, told at their place in the YAML file, and what YAML itself does to a rule. */
import { isMap, isScalar, isSeq, type Scalar } from "yaml";
import { RuleSyntaxError, type RuleWarning } from "../flow/match/parse.ts";
import { type Finding, type Findings, formatPath } from "./finding.ts";
import type { Path, YamlDocument } from "./yaml-document.ts";

/**
 * Tells what parsing a rule, a target or a template threw; anything but a RuleSyntaxError is thrown on.
 *
 * @param path - Where the text stands in its document.
 */
export function tellRuleError(error: unknown, document: YamlDocument, path: Path, findings: Findings): void {
  if (!(error instanceof RuleSyntaxError)) throw error;
  findings.add(
    tellCut(document, path) ?? {
      severity: "error",
      code: error.code,
      file: document.file,
      ...document.placeInText(path, error.offset),
      path: formatPath(path),
      problem: error.problem,
      excerpt: error.excerpt,
      hint: error.hint,
    },
  );
}

export function tellRuleWarnings(warnings: readonly RuleWarning[], document: YamlDocument, path: Path, findings: Findings): void {
  for (const { offset, problem } of warnings) {
    findings.add({
      severity: "warning",
      code: "SST_RULE_INVALID",
      file: document.file,
      ...document.placeInText(path, offset),
      path: formatPath(path),
      problem,
    });
  }
}

const QUOTE_THE_RULE = "Put it in '…', with '' for each ' inside.";

/** A rule that doesn't parse because YAML took only a part of it. */
function tellCut(document: YamlDocument, path: Path): Finding | null {
  const node = document.node(path);
  if (!isScalar(node) || node.type !== "PLAIN" || !node.range) return null;
  const common = {
    severity: "error",
    code: "SST_RULE_INVALID",
    file: document.file,
    path: formatPath(path),
    hint: QUOTE_THE_RULE,
  } as const;
  const after = /^[ \t]+#/.exec(document.text.slice(node.range[1]));
  if (after !== null) {
    const place = document.placeAt(node.range[1] + after[0].length - 1);
    return { ...common, ...place, problem: 'YAML ends the rule here: " #" begins a comment. Quote the rule' };
  }
  const list = document.node(path.slice(0, -1));
  if (isSeq(list) && list.flow === true) {
    return {
      ...common,
      ...document.place(path),
      problem: "in [ ] YAML splits a rule at its commas. Quote the rule, or write each on a line of its own after `- `",
    };
  }
  return null;
}

/**
 * A rule with `: ` in it, which YAML takes for a key and its value.
 *
 * @returns True when it was one; it is told then.
 */
export function tellRuleReadAsKeys(document: YamlDocument, path: Path, knownKeys: readonly string[], findings: Findings): boolean {
  const node = document.node(path);
  if (!isMap(node)) return false;
  const keys = node.items.map((pair) => pair.key).filter((key): key is Scalar<string> => isScalar(key) && typeof key.value === "string");
  const looksLikeRule = keys.find((key) => !knownKeys.includes(key.value) && /[(=,<>~]|\s/.test(key.value));
  if (looksLikeRule?.range === undefined || looksLikeRule.range === null) return false;
  findings.add({
    severity: "error",
    code: "SST_RULE_INVALID",
    file: document.file,
    ...document.placeAt(looksLikeRule.range[1]),
    path: formatPath(path),
    problem: 'YAML splits the rule here: ": " divides a key from its value. Quote the rule',
    hint: QUOTE_THE_RULE,
  });
  return true;
}
