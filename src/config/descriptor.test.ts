import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescribedStream, readDescriptor } from "./descriptor.ts";
import { type Finding, Findings, formatFinding } from "./finding.ts";
import { parseYaml } from "./yaml.ts";

function read(text: string): { stream: DescribedStream | null; errors: readonly Finding[]; warnings: readonly Finding[] } {
  const findings = new Findings();
  const document = parseYaml("a.yaml", text, findings);
  const stream = document === null ? null : readDescriptor(document, findings);
  return { stream, errors: findings.errors(), warnings: findings.warnings() };
}

function firstLines(findings: readonly Finding[]): readonly string[] {
  return findings.map((finding) => formatFinding(finding).split("\n")[0] ?? "");
}

const stream = (keys: string): string => `stream: a\ntenants: all\n${keys}`;

test("a descriptor with every key becomes the settings of its stream", () => {
  const { stream: described, errors } = read(
    stream(`title: Changes to users
delivery: at-least-once
format: cloudevents
key: "{tenant}/{entityId}"
body: { limit: 64KiB, types: [ json, text ] }
keep: [ request.body/id, "response.body/**/email", payload ]
redact: [ request.body/**/password, query.access_token, X-Secret, header.tenant, response.Set-Thing, "pattern:card-number", "payload/a~1b/~0", 'request.body/"due date"/**/"a=b"' ]
rules:
  - (MODULENAME=mod-users AND METHOD=(POST,PUT,DELETE)) , publish , kafka1:{env}.{tenant}.audit
  - (PATH=/users/bulk*) , ignore
  - select: STATUS>=500
    action: publish
    target: oncall:errors
    mode: live
    delivery: at-least-once
tests:
  - name: a created user is published
    event: { tenant: diku, METHOD: POST, STATUS: 201 }
    expect: [ "kafka1:dev.diku.audit" ]
`),
  );
  assert.deepEqual(errors, []);
  assert.ok(described !== null);
  const { key, body, keep, redact, rules, title } = described.settings;
  assert.equal(title, "Changes to users");
  assert.deepEqual(key, [{ name: "tenant" }, "/", { name: "entityId" }]);
  assert.deepEqual(body, { bytesMax: 65_536, types: ["json", "text"] });
  assert.deepEqual(keep, [
    { kind: "content", part: "request.body", pointer: ["id"] },
    { kind: "content", part: "response.body", pointer: ["**", "email"] },
    { kind: "content", part: "payload", pointer: [] },
  ]);
  assert.deepEqual(redact, [
    { kind: "content", part: "request.body", pointer: ["**", "password"] },
    { kind: "query", name: "access_token" },
    { kind: "requestHeader", name: "x-secret" },
    { kind: "requestHeader", name: "tenant" },
    { kind: "responseHeader", name: "set-thing" },
    { kind: "pattern", name: "card-number" },
    { kind: "content", part: "payload", pointer: ["a/b", "~"] },
    { kind: "content", part: "request.body", pointer: ["due date", "**", "a=b"] },
  ]);
  assert.deepEqual(
    rules.map(({ number, action, targets }) => ({ number, action, destination: targets[0]?.destination })),
    [
      { number: 1, action: "publish", destination: "kafka1" },
      { number: 2, action: "ignore", destination: undefined },
      { number: 3, action: "publish", destination: "oncall" },
    ],
  );
});

test("the revision follows the text of the descriptor", () => {
  const one = read(stream("rules: [ 'METHOD=GET , ignore' ]\n")).stream?.settings.revision;
  const same = read(stream("rules: [ 'METHOD=GET , ignore' ]\n")).stream?.settings.revision;
  const other = read(stream("rules: [ 'METHOD=PUT , ignore' ]\n")).stream?.settings.revision;
  assert.equal(one, same);
  assert.notEqual(one, other);
});

test("an error in a rule points into it, with the rule and a caret, in every form of YAML text", () => {
  const rule = "METHOD==GET , ignore";
  const at = (text: string): string => {
    const [error] = read(stream(text)).errors;
    assert.ok(error !== undefined);
    assert.equal(error.code, "SST_RULE_INVALID");
    assert.equal(error.excerpt, `${rule}\n       ^`);
    return `${error.line}:${error.column}`;
  };
  assert.equal(at(`rules:\n  - ${rule}\n`), "4:12");
  assert.equal(at(`rules:\n  - '${rule}'\n`), "4:13");
  assert.equal(at(`rules:\n  - "${rule}"\n`), "4:13");
  assert.equal(at(`rules:\n  - >-\n    METHOD==GET\n    , ignore\n`), "5:12");
  assert.equal(at(`rules:\n  - METHOD==GET\n    , ignore\n`), "4:12");
});

test("an error in the long form points into the key that it is in", () => {
  const { errors } = read(
    stream(`rules:
  - { select: "STATUS>>5", action: publsh, target: nowhere }
  - { select: METHOD=GET, action: publish }
  - { select: METHOD=GET, action: ignore, target: "a:b" }
  - { selekt: METHOD=GET, action: ignore }
  - 7
`),
  );
  assert.deepEqual(firstLines(errors), [
    'a.yaml:4:23 rules[0].select: expected a number, found ">"',
    'a.yaml:4:36 rules[0].action: "publsh" is not an action; did you mean publish?',
    "a.yaml:4:52 rules[0].target: the topic is missing",
    "a.yaml:5:5 rules[1]: missing: publish needs a target",
    "a.yaml:6:51 rules[2].target: ignore takes no target",
    "a.yaml:7:5 rules[3].select: missing: expected text",
    'a.yaml:7:7 rules[3]: unknown key "selekt"; did you mean select?',
    "a.yaml:8:5 rules[4]: expected a rule: text, or select, action and target",
  ]);
});

test("a rule that YAML cuts at a comment is told to be quoted", () => {
  const { errors } = read(stream("rules:\n  - (PATH=/a #b) , publish , k:t\n"));
  assert.deepEqual(firstLines(errors), ['a.yaml:4:14 rules[0]: YAML ends the rule here: " #" begins a comment. Quote the rule']);
  assert.equal(errors[0]?.hint, "Put it in '…', with '' for each ' inside.");
});

test("a rule with a comment behind it is a rule", () => {
  assert.deepEqual(read(stream("rules:\n  - METHOD=GET , ignore # reads\n")).errors, []);
});

test("a rule that YAML takes for a key and its value is told to be quoted, and nothing else is said of it", () => {
  const { errors } = read(stream('rules:\n  - (PATH="/a: b") , publish , k:t\n'));
  assert.deepEqual(firstLines(errors), [
    'a.yaml:4:14 rules[0]: YAML splits the rule here: ": " divides a key from its value. Quote the rule',
  ]);
});

test("a rule that is no YAML at all is told to be quoted", () => {
  for (const rule of ["(A: b) , publish , k: t", '"a"=b , publish , k:t', "@x , publish , k:t"]) {
    const { errors } = read(stream(`rules:\n  - ${rule}\n`));
    assert.equal(errors.length, 1, rule);
    assert.match(`${errors[0]?.problem} ${errors[0]?.hint}`, /[Qq]uote the rule/);
  }
});

test("a rule in [ ] that YAML splits at its commas is told to be quoted", () => {
  const { errors } = read(stream("rules: [ METHOD=GET , ignore ]\n"));
  assert.deepEqual(firstLines(errors), [
    "a.yaml:3:10 rules[0]: in [ ] YAML splits a rule at its commas. Quote the rule, or write each on a line of its own after `- `",
    "a.yaml:3:23 rules[1]: in [ ] YAML splits a rule at its commas. Quote the rule, or write each on a line of its own after `- `",
  ]);
});

test("warnings of the rule language are told at their place and refuse nothing", () => {
  const { stream: described, warnings } = read(stream("rules:\n  - 'method=GET , ignore'\n"));
  assert.ok(described !== null);
  assert.equal(warnings.length, 1);
  assert.deepEqual(
    { line: warnings[0]?.line, column: warnings[0]?.column, path: warnings[0]?.path },
    { line: 4, column: 6, path: "rules[0]" },
  );
});

test("paths of fields that can't be are told at their place", () => {
  const { errors } = read(
    stream(`keep: [ x-header, request.body/a~2 ]
redact:
  - pattern:card-numbr
  - request.password
  - body/password
  - request.body//a
  - request.body/a/**
  - "query."
  - "header."
  - "a b"
  - 7
rules: [ 'METHOD=GET , ignore' ]
`),
  );
  const forms = "expected request.body/…, response.body/…, payload/…, query.NAME, header.NAME, response.NAME or pattern:NAME";
  assert.deepEqual(firstLines(errors), [
    "a.yaml:3:9 keep[0]: expected a field of a body: request.body/…, response.body/… or payload/…",
    "a.yaml:3:19 keep[1]: a ~ in a pointer must be ~0 (for ~) or ~1 (for /)",
    "a.yaml:5:5 redact[0]: no such pattern; there are card-number, email, iban and jwt; did you mean card-number?",
    `a.yaml:6:5 redact[1]: ${forms}`,
    `a.yaml:7:5 redact[2]: ${forms}`,
    "a.yaml:8:5 redact[3]: a step of the pointer is empty",
    "a.yaml:9:5 redact[4]: ** at the end adds nothing",
    "a.yaml:10:5 redact[5]: expected the name of a query parameter after query.",
    "a.yaml:11:5 redact[6]: expected the name of a header after header.",
    "a.yaml:12:5 redact[7]: expected the name of a header, request.body/…, response.body/…, payload/…, query.NAME, header.NAME, response.NAME or pattern:NAME",
    "a.yaml:13:5 redact[8]: expected the path of a field, such as request.body/password",
  ]);
});

test("an empty list of kept fields keeps no field, which is not the same as no list", () => {
  assert.deepEqual(read(stream("keep: []\nrules: [ 'METHOD=GET , ignore' ]\n")).stream?.settings.keep, []);
  assert.equal(read(stream("rules: [ 'METHOD=GET , ignore' ]\n")).stream?.settings.keep, null);
});

test("tests are checked by their form alone", () => {
  const { errors } = read(stream("rules: [ 'METHOD=GET , ignore' ]\ntests:\n  - { name: x, event: {}, expcet: [] }\n"));
  assert.deepEqual(firstLines(errors), [
    "a.yaml:5:5 tests[0].expect: missing: expected a list",
    'a.yaml:5:27 tests[0]: unknown key "expcet"; did you mean expect?',
  ]);
});

test("a rule in shadow is read as such, also one that would ignore, and any other mode is refused by name", () => {
  const rules = (mode: string): string =>
    stream(`rules:
  - METHOD=GET , publish , k:t
  - { select: METHOD=POST, action: publish, target: "k:t", mode: ${mode} }
  - { select: METHOD=PUT, action: ignore, mode: ${mode} }
`);
  const { stream: described, errors } = read(rules("shadow"));
  assert.deepEqual(errors, []);
  assert.deepEqual(
    described?.settings.rules.map(({ number, mode }) => [number, mode]),
    [
      [1, undefined],
      [2, "shadow"],
      [3, "shadow"],
    ],
  );
  assert.deepEqual(firstLines(read(rules("shadows")).errors), [
    'a.yaml:5:66 rules[1].mode: expected "live" or "shadow"; did you mean shadow?',
    'a.yaml:6:49 rules[2].mode: expected "live" or "shadow"; did you mean shadow?',
  ]);
});
