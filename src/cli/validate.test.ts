import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { configFolder } from "../config/testing/config-folder.ts";
import { registerFakeDrivers } from "../config/testing/fake-drivers.ts";
import { runValidate } from "./validate.ts";

before(registerFakeDrivers);

async function validate(
  folder: string,
  files: readonly string[],
  json = false,
): Promise<{ status: number; stdout: string; stderr: string }> {
  let stdout = "";
  let stderr = "";
  const out = { stdout: (text: string) => void (stdout += text), stderr: (text: string) => void (stderr += text) };
  const status = await runValidate(
    files.map((file) => join(folder, file)),
    { json, environment: { UPSTREAM: "http://localhost" } },
    out,
  );
  return { status, stdout: stdout.replaceAll(`${folder}/`, ""), stderr };
}

const GOOD = {
  "sidestream.yaml": "version: 1\nenabled: true\nsources:\n  front: { type: gateway, upstream: '${env:UPSTREAM}' }\nstreams: [ a.yaml ]\n",
  "a.yaml": "stream: a\ntenants: all\nrules: [ 'METHOD=GET , publish , nowhere:x' ]\n",
  "assignments.yaml": "version: 1\nassignments: {}\n",
};

test("configurations, descriptors and assignments are told apart by content", async (context) => {
  const folder = configFolder(context, GOOD);
  assert.deepEqual(await validate(folder, ["sidestream.yaml", "a.yaml", "assignments.yaml"]), {
    status: 0,
    stdout:
      'dormant rule a rule 1: no destination is named "nowhere"\nsidestream.yaml: valid configuration\na.yaml: valid descriptor\nassignments.yaml: valid assignments\n',
    stderr: "3 files checked: 0 errors, 0 warnings and 1 dormant\n",
  });
});

test("a file of tests is told apart, and its events are looked at", async (context) => {
  const tests = (event: string): string => `stream: a\ntests:\n  - { name: x, event: { ${event} }, expect: [] }\n`;
  const folder = configFolder(context, { "a.test.yaml": tests("tenant: t"), "b.test.yaml": tests("tenant: t, METHD: GET") });
  const { status, stdout } = await validate(folder, ["a.test.yaml", "b.test.yaml"]);
  assert.equal(status, 78);
  assert.match(stdout, /^b.test.yaml:3:\d+ tests\[0\].event: METHD is not a reserved word; did you mean METHOD\?$/m);
  assert.match(stdout, /^a.test.yaml: valid tests$/m);
});

test("errors of all files are printed, and the status is 1", async (context) => {
  const folder = configFolder(context, {
    ...GOOD,
    "b.yaml": "stream: b\nrules: [ 'METHOD==GET , ignore' ]\n",
    "c.yaml": "hello: 1\n",
    "d.yaml": "stream: a\nrules: [ 'METHOD=GET , ignore' ]\n",
  });
  const { status, stdout, stderr } = await validate(folder, ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml"]);
  assert.equal(status, 78);
  assert.equal(
    stdout,
    `b.yaml:2:18 rules[0]: an equals sign too many
    METHOD==GET , ignore
           ^
    Equality is a single "=".
c.yaml:1:1: neither a configuration nor a message stream descriptor
    A configuration begins with \`version: 1\`, a descriptor with \`stream: ID\`.
d.yaml:1:9 stream: the id "a" is also that of a.yaml:1:9
    Give each stream an id of its own.
e.yaml:1:1: no such file
a.yaml: valid descriptor
`,
  );
  assert.equal(stderr, "5 files checked: 4 errors, 0 warnings and 0 dormant\n");
});

test("with json the answer is one object, and nothing else is said", async (context) => {
  const folder = configFolder(context, { ...GOOD, "b.yaml": "stream: B\nrules: [ 'METHOD=GET , ignore' ]\n" });
  const { status, stdout, stderr } = await validate(folder, ["sidestream.yaml", "b.yaml"], true);
  assert.equal(status, 78);
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), {
    valid: false,
    files: [
      { file: "sidestream.yaml", kind: "configuration", valid: true },
      { file: "b.yaml", kind: "descriptor", valid: false },
    ],
    findings: [
      {
        severity: "error",
        code: "SST_CONFIG_INVALID",
        file: "b.yaml",
        line: 1,
        column: 9,
        path: "stream",
        problem: "expected 1 to 63 small letters, digits or -, beginning with a letter or digit",
      },
    ],
    errorCount: 1,
    warningCount: 0,
    dormant: [{ kind: "rule", name: "a rule 1", reason: 'no destination is named "nowhere"' }],
  });
});

test("without a file there is nothing to check, and the status is that of wrong use", async (context) => {
  const { status, stdout, stderr } = await validate(configFolder(context, {}), []);
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /name the files to check/);
});

test("a file named twice is checked once", async (context) => {
  const { status, stderr } = await validate(configFolder(context, GOOD), ["a.yaml", "a.yaml"]);
  assert.deepEqual([status, stderr], [0, "1 file checked: 0 errors, 0 warnings and 0 dormant\n"]);
});
