import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { configFolder } from "../../config/testing/config-folder.ts";
import { registerFakeDrivers } from "../../config/testing/fake-drivers.ts";
import { xmlText } from "./junit.ts";
import { runTests, type TestOptions } from "./run-tests.ts";

before(registerFakeDrivers);

const STREAM = `stream: users
rules:
  - METHOD=POST AND (x-a OR x-b=1) AND NOT request.body/q , publish , k:{env}.{tenant}.x
  - PATH=/no* , ignore
  - METHOD=PUT , publish , k:{module}
`;

interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly folder: string;
}

async function run(context: TestContext, files: Readonly<Record<string, string>>, options: Partial<TestOptions> = {}): Promise<Result> {
  const folder = configFolder(context, files);
  const given = { paths: [folder], config: null, env: null, junit: null, json: false, environment: {}, ...options };
  const [stdout, stderr]: string[][] = [[], []];
  const inFolder = {
    ...given,
    paths: given.paths.map((path) => path.replace("FOLDER", folder)),
    config: given.config?.replace("FOLDER", folder) ?? null,
  };
  const out = { stdout: (text: string) => void stdout?.push(text), stderr: (text: string) => void stderr?.push(text) };
  const status = await runTests({ ...inFolder, junit: given.junit?.replace("FOLDER", folder) ?? null }, out);
  const plain = (texts: string[] | undefined): string => (texts ?? []).join("").replaceAll(`${folder}/`, "");
  return { status, stdout: plain(stdout), stderr: plain(stderr), folder };
}

/** One test of the stream, by its event and what it expects. */
function one(event: string, expect: string, more = ""): Readonly<Record<string, string>> {
  return { "users.yaml": `${STREAM}tests:\n  - name: one\n    event: ${event}\n    expect: ${expect}\n${more}` };
}

test("tests that hold pass, whatever the order of their targets", async (context) => {
  const { status, stdout, stderr } = await run(
    context,
    one("{ tenant: diku, METHOD: POST, x-a: 1 }", "[k:dev.diku.x]", "    key: diku\n    rule: 1\n"),
  );
  deepEqual([status, stdout, stderr], [0, "users.yaml: 1 test, all passed\n", "1 test, all passed\n"]);
});

test("a failure tells what was expected, what came, and which term decided", async (context) => {
  const failure = async (...given: Parameters<typeof one>): Promise<readonly string[]> => {
    const { status, stdout } = await run(context, one(...given));
    equal(status, 1);
    return stdout
      .split("\n")
      .slice(2, -1)
      .map((line) => line.trim());
  };
  match((await run(context, one("{ tenant: diku }", "[k:z]"))).stdout, /^users.yaml: 1 test, 1 failed\n {2}failed: one \(users.yaml:7\)\n/);
  deepEqual(await failure("{ tenant: diku, x-a: 1 }", "[k:dev.diku.x]"), [
    "- k:dev.diku.x",
    `rule 1 doesn't hold: METHOD=POST is false (it is "GET")`,
  ]);
  deepEqual(await failure("{ tenant: diku, METHOD: POST }", "[k:dev.diku.x]"), [
    "- k:dev.diku.x",
    "rule 1 doesn't hold: x-a is false (it is absent), x-b=1 is false (it is absent)",
  ]);
  deepEqual(await failure("{ tenant: diku, METHOD: POST, x-a: 1, PATH: /no }", "[k:dev.diku.x]"), [
    "- k:dev.diku.x",
    "rule 1 holds, but rule 2 ignores the event",
  ]);
  deepEqual(await failure("{ tenant: diku, METHOD: POST, x-a: 1, unknown: [request.body] }", "[k:dev.diku.x]"), [
    "- k:dev.diku.x",
    "rule 1 is unknown, and a rule acts only when it surely holds: request.body/q is unknown",
  ]);
  deepEqual(await failure("{ tenant: diku, METHOD: POST, x-a: 1 }", "[k:dev.diku.x, k:z]"), [
    "k:dev.diku.x",
    "- k:z",
    "no rule's target becomes k:z for this event ({env} stands for dev)",
  ]);
  deepEqual(await failure("{ tenant: diku, METHOD: PUT, MODULENAME: m }", "[]"), [
    "+ k:m",
    `rule 3 holds: METHOD=PUT is true (it is "PUT")`,
  ]);
  deepEqual(await failure("{ tenant: diku, METHOD: PUT }", "[]"), [
    "+ k:{module} (dead: the event has no value for {module} of the topic)",
    `rule 3 holds: METHOD=PUT is true (it is "PUT")`,
  ]);
  deepEqual(await failure("{ tenant: diku, METHOD: POST, x-a: 1 }", "[k:dev.diku.x]", "    key: other\n    rule: 2\n"), [
    "k:dev.diku.x",
    "- k:dev.diku.x with key other",
    "+ k:dev.diku.x with key diku",
    "- k:dev.diku.x with rule 2",
    "+ k:dev.diku.x with rule 1",
  ]);
});

test("a rule in shadow sends nothing and silences nothing, and a test that waits for it is told so", async (context) => {
  const { stdout } = await run(context, {
    "users.yaml": `stream: users
rules:
  - { select: METHOD=POST, action: publish, target: "k:new", mode: shadow }
  - { select: METHOD=POST, action: ignore, mode: shadow }
  - METHOD=POST , publish , k:old
tests:
  - { name: one, event: { tenant: diku, METHOD: POST }, expect: [k:old, k:new] }
`,
  });
  match(stdout, /\n *k:old\n *- k:new\n *rule 1 holds in shadow: it is counted, and nothing is sent/);
});

test("a stream with a list of tenants makes nothing for others; one that is to be assigned is open to all", async (context) => {
  const [, text = ""] = Object.entries(one("{ tenant: other, METHOD: POST, x-a: 1 }", "[k:dev.other.x]"))[0] ?? [];
  const { stdout } = await run(context, { "users.yaml": text.replace("rules:", "tenants: [diku]\nrules:") });
  match(stdout, /the stream makes nothing of it: it isn't open to the tenant other\n/);
  equal((await run(context, { "users.yaml": text.replace("rules:", "tenants: assigned\nrules:") })).status, 0);
});

const APART = "stream: users\ntests:\n  - { name: apart, event: { tenant: diku, METHOD: POST, x-a: 1 }, expect: [k:dev.diku.x] }\n";

test("tests may stand in a file of their own, which names the stream by its id or its file", async (context) => {
  const { stdout } = await run(context, {
    "a/users.yaml": STREAM,
    "b/users.test.yaml": APART,
    "b/more.test.yml": APART.replace("users", "../a/users.yaml"),
  });
  equal(stdout, "b/more.test.yml: 1 test, all passed\nb/users.test.yaml: 1 test, all passed\n");
  await rejects(
    run(context, { "users.yaml": STREAM, "x.test.yaml": APART.replace("users", "user") }),
    /no descriptor of the stream "user" among .*; did you mean users\?/,
  );
  await rejects(
    run(context, { "x.test.yaml": APART.replace("users", "./users.yaml") }),
    /there is no descriptor in the file ".\/users.yaml"/,
  );
});

test("a configuration names the descriptors and says what {env} stands for; a flag says otherwise", async (context) => {
  const files = {
    "sidestream.yaml": "version: 1\nenv: prod\nstreams: [ './streams/*.yaml' ]\n",
    "streams/users.yaml": STREAM,
    "streams/users.test.yaml": APART.replace("dev", "prod"),
  };
  equal((await run(context, files, { paths: [], config: "FOLDER/sidestream.yaml" })).status, 0);
  equal((await run(context, files, { paths: ["FOLDER/streams/users.test.yaml"], config: "FOLDER/sidestream.yaml" })).status, 0);
  equal((await run(context, files, { paths: [], config: "FOLDER/sidestream.yaml", env: "dev" })).status, 1);
  equal((await run(context, files, { env: "prod" })).status, 0);
});

test("files of other kinds, also broken ones, are passed over where a folder is searched", async (context) => {
  const files = {
    ...one("{ tenant: diku }", "[]"),
    "other.yaml": "a: b\n---\nc: [",
    "node_modules/x.yaml": "stream: [",
    ".hidden/y.yaml": "stream: [",
  };
  equal((await run(context, files)).status, 0);
});

test("faults in files are told all at once, with their places", async (context) => {
  const text = `${STREAM}tests:\n  - { name: a, event: { tenant: d, MODULNAME: x }, expect: [] }\n  - { name: b, event: { tenant: d, STATUS: ok }, expect: [], wrong: 1 }\n`;
  await rejects(run(context, { "users.yaml": text }), (error: Error) => {
    match(error.message, /users.yaml:7:\d+ tests\[0\].event: MODULNAME is not a reserved word; did you mean MODULENAME\?/);
    match(error.message, /users.yaml:8:\d+ tests\[1\]: unknown key "wrong"/);
    ok("exit" in error && error.exit === 78);
    return true;
  });
});

test("no tests, and a path where nothing is, are wrong use", async (context) => {
  for (const [files, paths, problem] of [
    [{ "users.yaml": STREAM }, ["FOLDER"], /no tests found in/],
    [{ "users.yaml": STREAM }, ["FOLDER/none"], /there is no file or folder/],
  ] as const)
    await rejects(run(context, files, { paths }), (error: Error) => {
      match(error.message, problem);
      return "exit" in error && error.exit === 2;
    });
});

test("results are written as JUnit XML, too, and as JSON", async (context) => {
  const files = one("{ tenant: diku, METHOD: PUT, MODULENAME: 'a<b&\"c' }", '["k:\u0001<"]');
  const { folder, stdout } = await run(context, files, { junit: "FOLDER/results.xml", json: true });
  const xml = readFileSync(join(folder, "results.xml"), "utf8");
  match(xml, /<testsuites name="sidestream" tests="1" failures="1">/);
  match(xml, /<testcase name="one" classname="users" file=".*users.yaml" line="7">\n {6}<failure message="- k:&lt;">/);
  const {
    tests,
    failed,
    files: suites,
  } = JSON.parse(stdout) as { tests: number; failed: number; files: readonly { tests: readonly { passed: boolean }[] }[] };
  deepEqual([tests, failed, suites[0]?.tests[0]?.passed], [1, 1, false]);
  await rejects(run(context, files, { junit: "FOLDER/none/results.xml" }), /the results could not be written/);
});

test("text is escaped for XML, and what XML can't hold is left out", () => {
  equal(xmlText('a<b>&"\n\u0000\u001b\ud800x'), "a&lt;b&gt;&amp;&quot;&#10;\ufffdx");
});
