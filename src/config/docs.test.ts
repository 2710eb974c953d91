import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { registerBuiltInDrivers } from "../drivers.ts";
import { checkAssignments } from "./assignments.ts";
import { readDescriptor } from "./descriptor.ts";
import { Findings, formatFinding } from "./finding.ts";
import { generatedFiles, replaceTables } from "./generated-files.ts";
import { loadConfiguration } from "./load.ts";
import { configFolder } from "./testing/config-folder.ts";
import { parseYaml } from "./yaml.ts";

const ROOT = join(import.meta.dirname, "../..");

before(registerBuiltInDrivers);

function examplesOf(page: string): readonly string[] {
  const text = readFileSync(join(ROOT, "docs", page), "utf8");
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
}

test("the generated schemas and tables are fresh: `node src/config/write-schemas.ts` writes them", async () => {
  for (const [path, content] of await generatedFiles(ROOT))
    assert.equal(readFileSync(join(ROOT, path), "utf8"), content, `${path} is stale`);
});

test("every example of docs/configuration.md can be loaded", async (context) => {
  const examples = examplesOf("configuration.md");
  assert.ok(examples.length >= 5);
  for (const example of examples) {
    if (example.includes("assignments:")) {
      const findings = new Findings();
      const document = parseYaml("assignments.yaml", example, findings);
      if (document !== null) checkAssignments(document, findings);
      assert.deepEqual(findings.errors(), []);
      continue;
    }
    const folder = configFolder(context, { "sidestream.yaml": example });
    mkdirSync(join(folder, "streams"));
    cpSync(join(ROOT, "examples/errors.yaml"), join(folder, "streams/errors.yaml"));
    await loadConfiguration(join(folder, "sidestream.yaml"), { environment: {} });
  }
});

test("every example of docs/descriptors.md is a valid descriptor without a warning", () => {
  const examples = examplesOf("descriptors.md");
  assert.ok(examples.length > 0);
  for (const example of examples) {
    const findings = new Findings();
    const document = parseYaml("descriptors.md", example, findings);
    assert.ok(document !== null && readDescriptor(document, findings) !== null, findings.errors().map(formatFinding).join("\n"));
    assert.deepEqual(findings.warnings(), []);
  }
});

test("the example configuration loads with all its streams, nothing but the unassigned one dormant", async () => {
  const { settings, dormant, warnings, enabled } = await loadConfiguration(join(ROOT, "examples/sidestream.yaml"), { environment: {} });
  assert.equal(enabled, true);
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    settings.streams.map(({ id }) => id),
    ["users-audit", "errors", "acapy-events"],
  );
  assert.deepEqual(dormant, [{ kind: "stream", name: "users-audit", reason: "it is assigned to no tenant" }]);
});

test("every file among the examples is used by the example configuration", async () => {
  const { files } = await loadConfiguration(join(ROOT, "examples/sidestream.yaml"), { environment: {} });
  const yaml = readdirSync(join(ROOT, "examples")).filter((name) => name.endsWith(".yaml"));
  assert.deepEqual(files.map((file) => file.slice(file.lastIndexOf("/") + 1)).toSorted(), yaml.toSorted());
});

test("a table is put between its marks and nowhere else", () => {
  assert.equal(
    replaceTables("a\n<!-- table x -->\nold\n<!-- end -->\nb\n<!-- table y -->\n<!-- end -->\n", { x: "new" }),
    "a\n<!-- table x -->\n\nnew\n\n<!-- end -->\nb\n<!-- table y -->\n<!-- end -->\n",
  );
});
