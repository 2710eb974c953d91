import assert from "node:assert/strict";
import { test } from "node:test";
import { configFolder } from "./testing/config-folder.ts";
import { Findings, formatFinding } from "./finding.ts";
import { FILE_BYTES_MAX, parseYaml, readYaml } from "./yaml.ts";
import { ALIASES_MAX, DEPTH_MAX } from "./yaml-values.ts";
import { join } from "node:path";

function parse(text: string): { value: unknown; lines: readonly string[]; hints: readonly string[] } {
  const findings = new Findings();
  const document = parseYaml("x.yaml", text, findings);
  const errors = findings.errors();
  return {
    value: document?.value,
    lines: errors.map((finding) => formatFinding(finding).split("\n")[0] ?? ""),
    hints: errors.map(({ hint }) => hint ?? ""),
  };
}

test("an alias bomb is refused at once, at the alias that is one too many", () => {
  const lists = Array.from({ length: 9 }, (_, index) => `a${index + 1}: &a${index + 1} [${Array(9).fill(`*a${index}`).join(",")}]`);
  const { lines } = parse(`a0: &a0 [x,x,x,x,x,x,x,x,x]\n${lists.join("\n")}\n`);
  assert.deepEqual(lines, [`x.yaml:3:10 a3[0][0]: expected at most ${ALIASES_MAX} aliases`]);
});

test("an alias inside what it stands for is refused", () => {
  assert.deepEqual(parse("a: &a [ *a ]\n").lines, ["x.yaml:1:9 a[0][0]: the alias *a stands inside what it stands for"]);
});

test("an alias without an anchor is refused", () => {
  assert.deepEqual(parse("a: *b\n").lines, ["x.yaml:1:4 a: the anchor &b is not defined above"]);
});

test("a few aliases are followed", () => {
  assert.deepEqual(parse("a: &a [1, 2]\nb: *a\n").value, { a: [1, 2], b: [1, 2] });
});

test("merge keys are refused, not merged", () => {
  assert.deepEqual(parse("a: &a { b: 1 }\nc: { <<: *a }\n").lines, ["x.yaml:2:6 c: merge keys (<<) are not accepted"]);
});

test("a __proto__ key is refused and changes no prototype", () => {
  assert.deepEqual(parse("a:\n  __proto__: { polluted: true }\n").lines, ["x.yaml:2:3 a: the key __proto__ is not accepted"]);
  assert.equal("polluted" in {}, false);
});

test("keys named like members of objects are ordinary keys", () => {
  const { value } = parse("constructor: 1\ntoString: 2\nhasOwnProperty: 3\n");
  assert.deepEqual(Object.entries(value as object), [
    ["constructor", 1],
    ["toString", 2],
    ["hasOwnProperty", 3],
  ]);
});

test("!!omap, !!set and !!binary are refused", () => {
  assert.deepEqual(parse("a: !!omap [ b: 1 ]\nc: !!set { d }\ne: !!binary aGk=\n").lines, [
    "x.yaml:1:4: not accepted in YAML here: Unresolved tag: tag:yaml.org,2002:omap",
    "x.yaml:2:4: not accepted in YAML here: Unresolved tag: tag:yaml.org,2002:set",
    "x.yaml:3:4: not accepted in YAML here: Unresolved tag: tag:yaml.org,2002:binary",
  ]);
});

test("custom tags are refused", () => {
  assert.deepEqual(parse("a: !secret b\nc: !!js/function 'x'\n").lines, [
    "x.yaml:1:4: not accepted in YAML here: Unresolved tag: !secret",
    "x.yaml:2:4: not accepted in YAML here: Unresolved tag: tag:yaml.org,2002:js/function",
  ]);
});

test("core tags are accepted", () => {
  assert.deepEqual(parse("a: !!str 007\nb: !!int '3'\n").value, { a: "007", b: 3 });
});

test("no, off, yes and on are text (Norway)", () => {
  assert.deepEqual(parse("a: no\nb: off\nc: yes\nd: on\ne: NO\nf: true\n").value, {
    a: "no",
    b: "off",
    c: "yes",
    d: "on",
    e: "NO",
    f: true,
  });
});

test("1:30 is text, not ninety (sexagesimal)", () => {
  assert.deepEqual(parse("a: 1:30\nb: 12:30:45\n").value, { a: "1:30", b: "12:30:45" });
});

test("a number with leading zeros is refused (octal); 0o17 and 0x1f are what they say", () => {
  assert.deepEqual(parse("a: 017\n").lines, ["x.yaml:1:4 a: 017 is read differently by different versions of YAML"]);
  assert.deepEqual(parse("a: 0o17\nb: 0x1f\nc: 0\nd: 0.5\n").value, { a: 15, b: 31, c: 0, d: 0.5 });
});

test("a tab as indentation is refused, with a word on spaces", () => {
  const { lines, hints } = parse("a:\n\t- b\n");
  assert.deepEqual(lines, ["x.yaml:2:1: not valid YAML: Tabs are not allowed as indentation"]);
  assert.deepEqual(hints, ["Indent with spaces."]);
});

test("one wrong character is one error, not one for each token that is left", () => {
  const lost = parse("a:\n  b: { c: { d: e } }\n  f: g: h, i: j }\nk: { l: m }\n").lines;
  assert.deepEqual(lost, ["x.yaml:3:6: not valid YAML: Nested mappings are not allowed in compact mappings"]);
  assert.equal(parse("a: [ b ]\n}\nc: d\ne: f\n").lines.length, 1);
});

test("a key that is there twice is refused at its second place", () => {
  assert.deepEqual(parse("a: 1\nb: { c: 1, c: 2 }\na: 3\n").lines, [
    'x.yaml:2:12 b: the key "c" is already there',
    'x.yaml:3:1: the key "a" is already there',
  ]);
});

test("several documents are refused", () => {
  assert.deepEqual(parse("a: 1\n---\nb: 2\n").lines, ["x.yaml:2:1: expected one YAML document, found several"]);
});

test("directives are refused: %YAML 1.1 would change what values mean", () => {
  assert.deepEqual(parse("%YAML 1.1\n---\na: no\n").lines, ["x.yaml:1:1: YAML directives are not accepted"]);
  assert.deepEqual(parse("%TAG ! tag:example,2000:\n---\na: !b c\n").lines, ["x.yaml:1:1: YAML directives are not accepted"]);
});

test("keys that are no text are refused", () => {
  assert.deepEqual(parse("1: a\n? [b]\n: c\n~: d\ntrue: e\n").lines, [
    "x.yaml:1:1: expected a name as key, found 1",
    "x.yaml:2:3: expected a name before the colon",
    "x.yaml:4:1: expected a name before the colon",
    "x.yaml:5:1: expected a name as key, found true",
  ]);
});

test("deep nesting of every kind is refused before it can exhaust the stack", () => {
  const problem = `expected at most ${DEPTH_MAX} levels of nesting`;
  for (const text of ["[".repeat(100_000), "- ".repeat(100_000), "? ".repeat(10_000), "[".repeat(1_000) + "]".repeat(1_000)]) {
    const { lines } = parse(text);
    assert.equal(lines.length, 1);
    assert.ok(lines[0]?.endsWith(problem), lines[0]);
  }
});

test("nesting made of aliases is bounded as well", () => {
  const links = Array.from({ length: 90 }, (_, index) => `- &a${index + 1} [*a${index}]`);
  const { lines } = parse(`- &a0 x\n${links.join("\n")}\n`);
  assert.ok(
    lines.some((line) => /levels of nesting|aliases/.test(line)),
    lines.join("\n"),
  );
});

test("a byte order mark is passed over and doesn't shift columns", () => {
  assert.deepEqual(parse("\uFEFFa: 1\n").value, { a: 1 });
  assert.deepEqual(parse("\uFEFFa: *b\n").lines, ["x.yaml:1:4 a: the anchor &b is not defined above"]);
});

test("an empty file is nothing, not an error of YAML", () => {
  assert.deepEqual(parse("").value, null);
  assert.deepEqual(parse("# only a comment\n").value, null);
});

test("every fault of the syntax is told", () => {
  assert.deepEqual(parse("a: @x\nb: `y`\n").lines, [
    "x.yaml:1:4: not valid YAML: Plain value cannot start with reserved character @",
    "x.yaml:2:4: not valid YAML: Plain value cannot start with reserved character `",
  ]);
});

test("an oversized file is refused without being read", async (context) => {
  const folder = configFolder(context, { "big.yaml": Buffer.alloc(FILE_BYTES_MAX + 1, 0x61) });
  const findings = new Findings();
  assert.equal(await readYaml(join(folder, "big.yaml"), findings), null);
  assert.deepEqual(
    findings.errors().map(({ line, column, problem }) => ({ line, column, problem })),
    [{ line: 1, column: 1, problem: `expected at most ${FILE_BYTES_MAX} bytes, found ${FILE_BYTES_MAX + 1}` }],
  );
});

test("a missing file, a folder and bytes that are no UTF-8 are told as such", async (context) => {
  const folder = configFolder(context, { "latin1.yaml": Buffer.from([0x61, 0x3a, 0x20, 0xe9]) });
  const findings = new Findings();
  for (const name of ["missing.yaml", ".", "latin1.yaml"]) await readYaml(join(folder, name), findings);
  assert.deepEqual(
    findings.errors().map(({ code, problem }) => [code, problem]),
    [
      ["SST_CONFIG_UNREADABLE", "no such file"],
      ["SST_CONFIG_UNREADABLE", "expected a file, found something else"],
      ["SST_CONFIG_INVALID", "expected UTF-8 text, found other bytes"],
    ],
  );
});

test("places are those of the value, of the key, or of what is nearest around", () => {
  const findings = new Findings();
  const document = parseYaml("x.yaml", "a:\n  b: 1\n  c:\nd: &d\n  - e\n  - f: 2\ng: *d\n", findings);
  assert.ok(document !== null);
  const at = (...path: PropertyKey[]): string => Object.values(document.place(path)).join(":");
  assert.equal(at("a", "b"), "2:6");
  assert.equal(at("a"), "1:1");
  assert.equal(at("a", "c"), "3:3");
  assert.equal(at("a", "missing"), "1:1");
  assert.equal(at("d", 0), "5:5");
  assert.equal(at("d", 1, "f"), "6:8");
  assert.equal(at("d", 7), "4:1");
  assert.equal(at("g", 1, "f"), "6:8");
  assert.deepEqual(document.placeOfKey(["a", "b"]), { line: 2, column: 3 });
});
