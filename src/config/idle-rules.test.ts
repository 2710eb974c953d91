import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { readDescriptor } from "./descriptor.ts";
import { Findings } from "./finding.ts";
import { parseYaml } from "./yaml.ts";

function warnings(rules: string, tenants = "all"): readonly string[] {
  const findings = new Findings();
  const document = parseYaml("s.yaml", `stream: s\ntenants: ${tenants}\nrules:\n${rules}`, findings);
  if (document !== null) readDescriptor(document, findings);
  deepEqual(findings.errors(), []);
  return findings.warnings().map(({ line, column, path, problem }) => `${line}:${column} ${path}: ${problem}`);
}

test("a rule that can never hold, or always does, is warned of at its place", () => {
  deepEqual(
    warnings(
      "  - METHOD=GET , publish , k:t\n  - METHOD=GET AND METHOD=PUT , ignore\n  - select: x-a OR NOT x-a\n    action: publish\n    target: k:t\n",
    ),
    [
      "5:5 rules[1]: this rule can never hold: its terms rule one another out",
      "6:13 rules[2].select: this rule holds for every event: whatever its terms are, one of them is true",
    ],
  );
});

test("a rule for a tenant that the stream isn't open to is warned of", () => {
  const rule = "  - TENANT=a AND METHOD=GET , publish , k:t\n";
  deepEqual(warnings(rule, "[b, c]"), ["4:5 rules[0]: this rule can never hold: it asks for a tenant that the stream isn't open to"]);
  for (const tenants of ["[a, b]", "all", "assigned", "[]"]) deepEqual(warnings(rule, tenants), [], tenants);
});
