/** The deployments that docs/acapy.md shows: each file is what its schema says, and what it holds is a configuration. */
import { equal, ok, rejects } from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { parseAllDocuments, stringify } from "yaml";
import { pythonEnvironment } from "../../tools/python-environment.ts";
import { command, temporaryFolder } from "../system/support/program.ts";

const run = promisify(execFile);
const PAGE = readFileSync(resolve(import.meta.dirname, "../../docs/acapy.md"), "utf8");

/** Both bring the schemas along: nothing is fetched. */
const CHECKERS = { name: "deployment-schemas", minMinor: 12, requirements: ["check-jsonschema==0.39.0", "kubernetes-validate==1.37.0"] };

type Container = Readonly<Record<string, unknown>>;

interface StatefulSet {
  readonly spec: { readonly template: { readonly spec: { readonly containers: Container[]; initContainers?: Container[] } } };
}

async function checkers(t: TestContext): Promise<string | null> {
  try {
    const python = await pythonEnvironment({ ...CHECKERS, constraints: null });
    return resolve(python, "..");
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    t.skip(String(error));
    return null;
  }
}

function block(tag: string): string {
  const [, text] = new RegExp(`^\`\`\`${tag}\n([^]*?)^\`\`\`$`, "m").exec(PAGE) ?? [];
  ok(text !== undefined, `docs/acapy.md has a block tagged ${tag}`);
  return text;
}

test("the Kubernetes files are what its schemas say, and hold a configuration that is right", { timeout: 120_000 }, async (t) => {
  const bin = await checkers(t);
  if (bin === null) return;
  const folder = temporaryFolder(t);
  const file = join(folder, "kubernetes.yaml");
  writeFileSync(file, block("yaml kubernetes"));
  await run(join(bin, "kubernetes-validate"), ["--strict", file]);
  const documents = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as Record<string, unknown>);
  equal(documents.length, 2);
  const { data } = documents[1] as { data: Record<string, string> };
  writeFileSync(join(folder, "sidestream.yaml"), data["sidestream.yaml"] ?? "");
  const { status, stderr } = command(["validate", join(folder, "sidestream.yaml")]);
  equal(status, 0, stderr);
});

test(
  "Sidestream as an init container that stays, which ends after the agent, is what the schema says, too",
  { timeout: 120_000 },
  async (t) => {
    const bin = await checkers(t);
    if (bin === null) return;
    const [set] = parseAllDocuments(block("yaml kubernetes")).map((document) => document.toJS() as StatefulSet);
    ok(set !== undefined);
    const { spec } = set.spec.template;
    const sidestream = spec.containers.pop();
    equal(sidestream?.["name"], "sidestream");
    spec.initContainers = [{ ...sidestream, restartPolicy: "Always" }];
    const file = join(temporaryFolder(t), "kubernetes.yaml");
    writeFileSync(file, stringify(set));
    await run(join(bin, "kubernetes-validate"), ["--strict", file]);
  },
);

test("the Compose file is what its schema says", { timeout: 120_000 }, async (t) => {
  const bin = await checkers(t);
  if (bin === null) return;
  const file = join(temporaryFolder(t), "compose.yaml");
  writeFileSync(file, block("yaml compose"));
  await run(join(bin, "check-jsonschema"), ["--builtin-schema", "vendor.compose-spec", file]);
});

test("a checker says no to what is wrong", { timeout: 120_000 }, async (t) => {
  const bin = await checkers(t);
  if (bin === null) return;
  const folder = temporaryFolder(t);
  const kubernetes = join(folder, "kubernetes.yaml");
  writeFileSync(kubernetes, block("yaml kubernetes").replace("mountPath: /config", "mountPth: /config"));
  await rejects(run(join(bin, "kubernetes-validate"), ["--strict", kubernetes]));
  const compose = join(folder, "compose.yaml");
  writeFileSync(compose, block("yaml compose").replace("stop_grace_period", "stop_grace_perod"));
  await rejects(run(join(bin, "check-jsonschema"), ["--builtin-schema", "vendor.compose-spec", compose]));
});
