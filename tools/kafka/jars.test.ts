import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { kafkaForTests } from "./for-tests.ts";
import { KAFKA_VERSION, kafkaClassPath } from "./jars.ts";

/** Sets variables of the environment until the test ends. */
function environment(t: TestContext, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

/** A folder for brokers, empty, and a Maven that does what the shell commands say; $folder is where the jars go. */
function machine(t: TestContext, mavenDoes: string): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-jars-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const maven = `#!/bin/sh\nfor each in "$@"; do case "$each" in -DoutputDirectory=*) folder="\${each#*=}";; esac; done\n${mavenDoes}\n`;
  for (const command of ["mvn", "java", "openssl"]) {
    writeFileSync(join(folder, command), command === "mvn" ? maven : "#!/bin/sh\n", { mode: 0o755 });
  }
  environment(t, { PATH: `${folder}:${process.env["PATH"]}`, SIDESTREAM_BROKERS: join(folder, "brokers") });
  return folder;
}

test("two who ask at the same time get one download, and a third none", async (t) => {
  const folder = machine(t, 'echo called >>"$(dirname "$0")/calls"; mkdir "$folder"; echo jar >"$folder/kafka.jar"');
  const expected = join(folder, "brokers", `kafka-${KAFKA_VERSION}`, "*");
  deepEqual(await Promise.all([kafkaClassPath(), kafkaClassPath()]), [expected, expected]);
  equal(await kafkaClassPath(), expected);
  equal(readFileSync(join(folder, "calls"), "utf8"), "called\n");
});

test("a download that breaks off is told with Maven's words, and is begun anew the next time", async (t) => {
  const folder = machine(
    t,
    `mkdir "$folder" || exit 3
if [ -e "$(dirname "$0")/mended" ]; then echo jar >"$folder/kafka.jar"; else echo half >"$folder/half.jar"; echo no route; exit 1; fi`,
  );
  await rejects(kafkaClassPath(), (problem: Error) => {
    match(problem.message, /no route/u);
    return true;
  });
  equal(existsSync(join(folder, "brokers", `kafka-${KAFKA_VERSION}`)), false);
  writeFileSync(join(folder, "mended"), "");
  await kafkaClassPath();
  deepEqual(readdirSync(join(folder, "brokers", `kafka-${KAFKA_VERSION}`)), ["kafka.jar"]);
});

test("without its commands, tests are skipped with the reason, or fail where CI=true", async (t) => {
  const folder = machine(t, "exit 1");
  environment(t, { PATH: "/nowhere", CI: "" });
  const kafka = await kafkaForTests();
  equal(kafka.skip, "no Kafka: this machine lacks java, openssl, mvn, flock");
  let thrown: unknown = null;
  try {
    kafka.cluster.resume();
  } catch (problem) {
    thrown = problem;
  }
  match(String(thrown), /this machine lacks java/u);
  await kafka[Symbol.asyncDispose]();
  environment(t, { CI: "true" });
  await rejects(kafkaForTests(), /this machine lacks java/u);
  equal(existsSync(join(folder, "brokers")), false);
});
