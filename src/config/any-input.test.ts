/** Whatever stands in the files: an answer or findings, never another error. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { readDescriptor } from "./descriptor.ts";
import { Findings, formatFinding } from "./finding.ts";
import { inspectDocument } from "./load.ts";
import { configurationJsonSchema, type JsonSchema, streamJsonSchema } from "./json-schema.ts";
import { registerFakeDrivers } from "./testing/fake-drivers.ts";
import { parseYaml } from "./yaml.ts";

before(registerFakeDrivers);

const ANYTHING = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    "10GiB",
    "30d",
    ":9130",
    "gateway",
    "file",
    "METHOD=POST , publish , files:x",
    "${env:A}",
    "${file:nowhere}",
    "write-ahead",
    "okapi",
    -1,
    0,
    true,
    {},
    [],
  ),
);

/** Values of about the right shape: each key of the schema is there or not, right or anything. */
function shaped(schema: JsonSchema, depth: number): fc.Arbitrary<unknown> {
  const names = Object.keys(schema.properties ?? {});
  if (depth === 0 || names.length === 0) return ANYTHING;
  const members = Object.fromEntries(names.map((name) => [name, fc.oneof(ANYTHING, shaped(schema.properties?.[name] ?? {}, depth - 1))]));
  return fc.record(members, { requiredKeys: [] });
}

const entries = (type: string): fc.Arbitrary<unknown> =>
  fc.dictionary(
    fc.constantFrom("a", "b", "all", "1"),
    fc.dictionary(
      fc.constantFrom("type", "platform", "tenant", "upstream", "capture", "routes", "path", "spool"),
      fc.oneof(ANYTHING, fc.constant(type)),
      { maxKeys: 5 },
    ),
    { maxKeys: 3 },
  );

test("any configuration is loaded or told what is wrong with it", async () => {
  const values = fc
    .tuple(shaped(configurationJsonSchema(), 3), entries("gateway"), entries("file"), fc.boolean())
    .map(([value, sources, destinations, own]) =>
      own && typeof value === "object" && value !== null ? { ...value, version: 1, streams: [], sources, destinations } : value,
    );
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      const findings = new Findings();
      const document = parseYaml("/nowhere/sidestream.yaml", stringify(value), findings);
      const loaded = document === null ? null : await inspectDocument(document, { environment: { A: "7" } }, findings);
      assert.equal(loaded === null, findings.errorCount > 0, findings.errors().map(formatFinding).join("\n"));
      for (const { line, column } of findings.errors()) assert.ok(line >= 1 && column >= 1);
    }),
    { numRuns: 300 },
  );
});

test("any descriptor is read or told what is wrong with it", () => {
  fc.assert(
    fc.property(shaped(streamJsonSchema(), 3), (value) => {
      const findings = new Findings();
      const document = parseYaml("a.yaml", stringify(value), findings);
      const stream = document === null ? null : readDescriptor(document, findings);
      assert.equal(stream === null, findings.errorCount > 0, findings.errors().map(formatFinding).join("\n"));
    }),
    { numRuns: 500 },
  );
});

test("any text is YAML or told what is wrong with it", () => {
  const text = fc.array(
    fc.constantFrom(
      "a",
      ": ",
      "- ",
      "\n",
      "  ",
      "[",
      "]",
      "{",
      "}",
      "&a ",
      "*a",
      "'",
      '"',
      "#",
      "!x ",
      "|\n",
      "? ",
      "\t",
      "<<",
      "---\n",
      "%",
      "@",
      "\\",
      "é",
      "0",
      ",",
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        text.map((parts) => parts.join("")),
        fc.string({ unit: "binary", maxLength: 50 }),
      ),
      (source) => {
        const findings = new Findings();
        const document = parseYaml("x.yaml", source, findings);
        assert.equal(document === null, findings.errorCount > 0);
      },
    ),
    { numRuns: 2_000 },
  );
});
