import assert from "node:assert/strict";
import { before, test } from "node:test";
import { formatFinding } from "./finding.ts";
import { SECRET_BYTES_MAX } from "./secrets.ts";
import { configFolder, findingsOf, linesOf, loadFolder } from "./testing/config-folder.ts";
import { registerFakeDrivers } from "./testing/fake-drivers.ts";

before(registerFakeDrivers);

const source = (keys: string): string => `version: 1\nsources:\n  front:\n    type: gateway\n    upstream: http://x\n${keys}`;

function optionsOf(settings: { readonly sources: readonly { readonly options: unknown }[] }): Record<string, unknown> {
  return settings.sources[0]?.options as Record<string, unknown>;
}

test("placeholders are filled in, also within a text; one line end of a file is taken off", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": source('    listen: "${env:HOST}:${env:PORT:-9130}${file:secrets/suffix}"\n'),
    "secrets/suffix": "a\n\n",
  });
  const { settings } = await loadFolder(folder, { HOST: "localhost" });
  assert.equal(optionsOf(settings)["listen"], "localhost:9130a\n");
});

test("a default holds for an empty variable too, and an empty variable without a default is empty", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": source('    listen: "<${env:A:-}${env:B:-b}${env:C}>"\n') });
  assert.equal(optionsOf((await loadFolder(folder, { B: "", C: "" })).settings)["listen"], "<b>");
});

test("$${ stands for the characters ${", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": source('    listen: "$${env:A} ${env:A}"\n') });
  assert.equal(optionsOf((await loadFolder(folder, { A: "1" })).settings)["listen"], "${env:A} 1");
});

test("an unset variable is an error at the placeholder", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": source('    listen: "a ${env:MISSING} b"\n') });
  const findings = await findingsOf(folder);
  assert.deepEqual(linesOf(findings, folder), ["sidestream.yaml:6:16 sources.front.listen: the environment variable MISSING is not set"]);
  assert.equal(findings[0]?.hint, "Set it, or give a default: ${env:MISSING:-default}.");
});

test("names of Object's own members are no variables", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": source('    listen: "${env:toString}"\n') });
  assert.equal((await findingsOf(folder)).length, 1);
});

test("a secret file that is missing, too large, a folder or no text is an error", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": source('    listen: "${file:missing}${file:big}${file:dir}${file:binary}"\n'),
    big: "x".repeat(SECRET_BYTES_MAX + 1),
    "dir/x": "",
    binary: Buffer.from([0xff, 0xfe]),
  });
  assert.deepEqual(linesOf(await findingsOf(folder), folder), [
    "sidestream.yaml:6:14 sources.front.listen: ${file:missing}: can't be read (ENOENT)",
    `sidestream.yaml:6:29 sources.front.listen: \${file:big}: expected at most ${SECRET_BYTES_MAX} bytes`,
    "sidestream.yaml:6:40 sources.front.listen: ${file:dir}: expected a file, found something else",
    "sidestream.yaml:6:51 sources.front.listen: ${file:binary}: expected UTF-8 text, found other bytes",
  ]);
});

test("anything else between ${ and } is an error, so a misspelt placeholder is never taken as text", async (context) => {
  for (const placeholder of ["${HOME}", "${env:}", "${env:A-B}", "${ env:A }", "${file:}", "${vault:x}", "${env:A"]) {
    const folder = configFolder(context, { "sidestream.yaml": source(`    listen: '${placeholder}'\n`) });
    assert.deepEqual(linesOf(await findingsOf(folder, { A: "1" }), folder), [
      "sidestream.yaml:6:14 sources.front.listen: expected ${env:NAME}, ${env:NAME:-default} or ${file:PATH}",
    ]);
  }
});

test("a value can't change the structure", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": source("    listen: ${env:A}\n    secure: false\n") });
  const value = "x\n    secure: true\nenabled: true\n${env:B} *alias {a: [b";
  const { settings, enabled } = await loadFolder(folder, { A: value, B: "never looked up" });
  assert.equal(optionsOf(settings)["listen"], value);
  assert.equal(optionsOf(settings)["secure"], false);
  assert.equal(enabled, false);
});

test("a placeholder alone becomes a number or true or false where one is wanted, and only there", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": source(
      "    connectionsMax: ${env:COUNT}\n    secure: ${env:SECURE}\n    listen: ${env:COUNT}\nenabled: ${env:ON}\nlimits: { topicsMax: '${env:COUNT}' }\n",
    ),
  });
  const { settings, enabled } = await loadFolder(folder, { COUNT: "7", SECURE: "true", ON: "true" });
  assert.deepEqual([optionsOf(settings)["connectionsMax"], optionsOf(settings)["secure"], optionsOf(settings)["listen"]], [7, true, "7"]);
  assert.equal(enabled, true);
  assert.equal(settings.limits.topicsMax, 7);
});

test("no error and no warning ever shows what a placeholder stood for", async (context) => {
  const secret = "s3cr3t-Passw0rd";
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1
instance: "\${env:SECRET}!"
env: " \${env:SECRET}"
enabled: "\${env:SECRET}"
data: "\${env:SECRET}"
sources:
  front:
    type: gateway
    upstream: "\${env:SECRET}"
    capture: "\${env:SECRET}"
    connectionsMax: "\${env:SECRET}"
    tenant: "\${file:secret}/"
    platform: { type: "\${env:SECRET}" }
  other: { type: "\${env:SECRET}" }
  third: { type: gateway, upstream: "\${env:SHORT}" }
destinations:
  files: { type: "x\${env:SECRET}", spool: { bytesMax: "\${env:SECRET}", whenFull: "\${env:SECRET}" } }
health: { listen: "\${env:SECRET}" }
policies: [ "\${env:SECRET}" ]
unknown: "\${env:SECRET}"
`,
    secret,
  });
  const text = (await findingsOf(folder, { SECRET: secret, SHORT: "x1y" })).map(formatFinding).join("\n");
  assert.ok(!text.includes(secret), text);
  assert.ok(!text.includes("x1y"), text);
  assert.ok(text.split("\n").length > 12);
  assert.match(text, /:9:15 sources\.front\.upstream: the value of \$\{env:SECRET\} is not accepted here/);
});

test("a value that can't be filled in is told once, not also as a value of the wrong form", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml":
      'version: 1\nsources: { front: { type: gateway, upstream: "${env:NOWHERE}" } }\nhealth: { listen: "${env:NOWHERE}" }\n',
  });
  const findings = await findingsOf(folder, {});
  assert.deepEqual(
    findings.filter(({ severity }) => severity === "error").map(({ path, problem }) => `${path}: ${problem}`),
    ["sources.front.upstream: the environment variable NOWHERE is not set", "health.listen: the environment variable NOWHERE is not set"],
  );
});

test("a file that a placeholder names is shown by the placeholder", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": "version: 1\nstreams: [ '${env:A}.yaml', '${env:A}/*.yaml' ]\nassignments: ${env:A}\n",
    "hidden/a.yaml": "stream: a\n",
  });
  const lines = linesOf(await findingsOf(folder, { A: "hidden" }), folder);
  assert.deepEqual(lines, [
    "sidestream.yaml:2:12 streams[0]: no such file: ${env:A}.yaml",
    "${env:A}/a.yaml:1:1 rules: missing: expected a list",
    "${env:A}:1:1: expected a file, found something else",
  ]);
});

test("descriptors are not resolved: what looks like a placeholder there is text", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": "version: 1\nstreams: [ a.yaml ]\n",
    "a.yaml": 'stream: a\ntitle: "${env:SECRET}"\nrules: [ "METHOD=GET , ignore" ]\n',
  });
  assert.equal((await loadFolder(folder, { SECRET: "hidden" })).settings.streams[0]?.title, "${env:SECRET}");
});
