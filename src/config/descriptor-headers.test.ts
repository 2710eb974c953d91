import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamSettings } from "../flow/settings.ts";
import { readDescriptor } from "./descriptor.ts";
import { Findings, formatFinding } from "./finding.ts";
import { parseYaml } from "./yaml.ts";

const RULE = "METHOD=GET , publish , k:t";

function read(keys: string): { readonly settings: StreamSettings | undefined; readonly errors: readonly string[] } {
  const findings = new Findings();
  const document = parseYaml("a.yaml", `stream: a\n${keys}`, findings);
  const settings = document === null ? undefined : readDescriptor(document, findings)?.settings;
  return { settings, errors: findings.errors().map(formatFinding) };
}

const firstLines = (errors: readonly string[]): readonly string[] => errors.map((text) => text.split("\n")[0] ?? "");

test("the format is structured JSON without headers unless told otherwise", () => {
  const { settings } = read(`rules: [ "${RULE}" ]\n`);
  assert.deepEqual([settings?.format, settings?.headers, settings?.rules[0]?.headers], ["cloudevents", [], undefined]);
  assert.equal(read(`format: cloudevents-binary\nrules: [ "${RULE}" ]\n`).settings?.format, "cloudevents-binary");
});

test("headers are templates, and a rule's stand beside or in place of those of its stream", () => {
  const { settings, errors } = read(`headers: { "x-tenant": "{tenant}", folio-module: "a {module}", source: sidestream }
rules:
  - ${RULE}
  - { select: METHOD=GET, action: publish, target: "k:t", headers: { X-Tenant: none, "a!#$%&'*+.^_\`|~9": "{env}" } }
  - { select: METHOD=PUT, action: publish, target: "k:t", headers: {} }
`);
  assert.deepEqual(errors, []);
  const tenant = { name: "x-tenant", value: [{ name: "tenant" }] };
  const others = [
    { name: "folio-module", value: ["a ", { name: "module" }] },
    { name: "source", value: ["sidestream"] },
  ];
  assert.deepEqual(settings?.headers, [tenant, ...others]);
  assert.deepEqual(
    settings?.rules.map(({ headers }) => headers),
    [
      undefined,
      [...others, { name: "X-Tenant", value: ["none"] }, { name: "a!#$%&'*+.^_`|~9", value: [{ name: "env" }] }],
      [tenant, ...others],
    ],
  );
});

test("names that can't be are told at their place, with the reason", () => {
  const { errors } = read(`headers:
  "a b": x
  "": x
  Content-Type: text/plain
  CE_id: x
  ce-source: x
  ${"n".repeat(129)}: x
  x-a: "1"
  X-A: "2"
  number: 7
  empty: ""
rules:
  - { select: METHOD=GET, action: publish, target: "k:t", headers: { ce_x: y } }
  - { select: METHOD=GET, action: publish, target: "k:t", headers: [ a ] }
`);
  const name = "expected the name of a header: 1 to 128 letters, digits or any of !#$%&'*+.^_`|~-";
  const kept = "names that begin with ce_ or ce- are kept for the attributes of CloudEvents";
  assert.deepEqual(firstLines(errors), [
    `a.yaml:3:3 headers: ${name}`,
    `a.yaml:4:3 headers: ${name}`,
    "a.yaml:5:3 headers: this header tells readers what the value is: the format sets it",
    `a.yaml:6:3 headers: ${kept}`,
    `a.yaml:7:3 headers: ${kept}`,
    `a.yaml:8:3 headers: ${name}`,
    'a.yaml:10:3 headers: "X-A" and "x-a" are one header in most protocols',
    "a.yaml:11:11 headers.number: expected a template; quote it if it is a number, true or false",
    "a.yaml:12:10 headers.empty: this template is empty",
    `a.yaml:14:70 rules[0].headers: ${kept}`,
    "a.yaml:15:59 rules[1].headers: expected keys with values, found a list",
  ]);
});

test("an error in a header's template points into it, with a caret, as in a key's", () => {
  const { errors } = read(`headers: { a: "x{tennant}" }
rules:
  - { select: METHOD=GET, action: publish, target: "k:t", headers: { b: "{tenant" } }
`);
  assert.deepEqual(firstLines(errors), [
    "a.yaml:2:18 headers.a: {tennant} is not a name for templates; did you mean tenant?",
    'a.yaml:4:74 rules[0].headers.b: this "{" is never closed',
  ]);
  assert.match(errors[0] ?? "", /x\{tennant\}\n\s+ {2}\^/);
});

test("32 headers are taken, those of the stream included, and no more", () => {
  const some = (from: number, count: number): string => Array.from({ length: count }, (_, index) => `h${from + index}: x`).join(", ");
  const text = (ofStream: string, ofRule: string): string =>
    `headers: { ${ofStream} }\nrules:\n  - { select: METHOD=GET, action: publish, target: "k:t", headers: { ${ofRule} } }\n`;
  assert.deepEqual(read(text(some(0, 30), some(20, 12))).errors, []);
  assert.deepEqual(firstLines(read(text(some(0, 33), some(0, 1))).errors), ["a.yaml:2:1 headers: expected at most 32 headers"]);
  assert.deepEqual(firstLines(read(text(some(0, 30), some(30, 3))).errors), [
    "a.yaml:4:59 rules[0].headers: with those of the stream these are 33 headers; expected at most 32",
  ]);
});

test("formats that are not there yet are told by name", () => {
  for (const format of ["raw", "protobuf", "folio-domain-event"]) {
    const { errors } = read(`format: ${format}\nrules: [ "${RULE}" ]\n`);
    assert.deepEqual(firstLines(errors), [`a.yaml:2:9 format: format ${format}: not available yet`]);
  }
});
