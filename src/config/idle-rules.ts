/** Rules that can never hold, and such as always do: most are slips, so they are told. */
import { alwaysOrNever } from "../flow/match/always-never.ts";
import type { RuleSettings, StreamSettings } from "../flow/settings.ts";
import { valueAt } from "./check.ts";
import { type Findings, formatPath } from "./finding.ts";
import type { YamlDocument } from "./yaml-document.ts";

/** With more tenants than these a rule's own are not looked for among them: it would take longer than it is worth. */
const TENANTS_MAX = 1_000;

const PROBLEMS = {
  never: {
    problem: "this rule can never hold: its terms rule one another out",
    hint: "`sidestream explain` shows for an event which of them are false.",
  },
  always: {
    problem: "this rule holds for every event: whatever its terms are, one of them is true",
    hint: "Where every event is meant, write EVENTTYPE alone.",
  },
} as const;

/** @param tenants - To which the stream is open; `assigned` when that is not known here. */
export function warnOfIdleRules(
  rules: readonly RuleSettings[],
  tenants: StreamSettings["tenants"] | "assigned",
  document: YamlDocument,
  findings: Findings,
): void {
  const isListed = typeof tenants !== "string" && tenants.length > 0 && tenants.length <= TENANTS_MAX;
  for (const { criteria, number } of rules) {
    const found = alwaysOrNever(criteria, isListed ? { TENANT: tenants } : {});
    if (found === null) continue;
    const isLong = typeof valueAt(document.value, ["rules", number - 1]) === "object";
    const path = ["rules", number - 1, ...(isLong ? ["select"] : [])];
    const { problem, hint } = PROBLEMS[found];
    // Alone it could hold: it is the list of tenants that stands against it.
    const isByTenants = found === "never" && isListed && alwaysOrNever(criteria) === null;
    findings.add({
      severity: "warning",
      code: "SST_RULE_INVALID",
      file: document.file,
      ...document.place(path),
      path: formatPath(path),
      problem: isByTenants ? "this rule can never hold: it asks for a tenant that the stream isn't open to" : problem,
      hint: isByTenants ? "See `tenants` of the stream." : hint,
    });
  }
}
