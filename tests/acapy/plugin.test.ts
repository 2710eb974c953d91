/** Builds the plugin for agents as it is released, installs it where nothing else is, and runs its own tests there. */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { AGENT_VERSION, OLDEST_AGENT_VERSION, agentPython } from "../../tools/acapy/agent-venv.ts";
import { skipWithoutAgents } from "../../tools/acapy/for-tests.ts";
import { findPython } from "../../tools/python.ts";
import { PYTHON_MINOR, skipWithoutPython } from "./support/raising.ts";

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, "../..");
const PLUGIN = join(ROOT, "plugins/acapy");
/** Kills of a journal's writer, where more are wanted, take some seconds each on a busy machine. */
const STEP_MS_MAX = 120_000 + Number(process.env["SIDESTREAM_KILLS"] ?? 0) * 5_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** What a build or a run leaves in the folder of the sources. */
const LEFT_BY_RUNS = /^(build|__pycache__|\.pytest_cache|\.mypy_cache|.*\.egg-info)$/u;

const folder = mkdtempSync(join(tmpdir(), "sidestream-plugin-"));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

/** Runs a program. @throws Error with all that it said. */
async function step(program: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<void> {
  try {
    await run(program, args, {
      cwd: join(folder, "acapy"),
      env: { ...process.env, ...environment },
      timeout: STEP_MS_MAX,
      maxBuffer: OUTPUT_BYTES_MAX,
    });
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`${basename(program)} ${args.join(" ")} failed:\n${stdout ?? ""}\n${stderr ?? ""}`, { cause: error });
  }
}

const skip = await skipWithoutPython();
// All waiting comes before the first test: what is defined later might find the folder gone.
const agents: { readonly version: string; readonly skipWithout: string | false }[] = [];
for (const version of [OLDEST_AGENT_VERSION, AGENT_VERSION]) {
  agents.push({ version, skipWithout: skip === false ? await skipWithoutAgents([version]) : skip });
}
const virtual = join(folder, "venv/bin/python");
const environment = { SIDESTREAM_RECORDED_EVENTS: join(ROOT, "tests/data/acapy/eventbus.jsonl"), PYTHONDONTWRITEBYTECODE: "1" };
const pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider"];

test("the plugin's wheel installs by itself and passes the plugin's own tests", { skip }, async () => {
  cpSync(PLUGIN, join(folder, "acapy"), { recursive: true, filter: (source) => !LEFT_BY_RUNS.test(basename(source)) });
  await step((await findPython(PYTHON_MINOR)) ?? "", ["-m", "venv", join(folder, "venv")]);
  const quiet = ["--quiet", "--no-input", "--disable-pip-version-check"];
  await step(virtual, ["-m", "pip", "wheel", ...quiet, "--no-deps", "--wheel-dir", join(folder, "wheel"), "."]);
  const wheel = readdirSync(join(folder, "wheel")).find((name) => name.endsWith(".whl")) ?? "";
  await step(virtual, ["-m", "pip", "install", ...quiet, "--no-index", join(folder, "wheel", wheel)]);
  await step(virtual, ["-m", "pip", "install", ...quiet, "pytest==9.2.0", "mypy==2.4.1"]);
  // Sources are taken out of the way, so that what is tested is what was installed.
  rmSync(join(folder, "acapy/src"), { recursive: true });
  await step(virtual, [...pytest, "--ignore", "tests/test_real_bus.py"], environment);
});

test("the installed package's types are strict", { skip }, async () => {
  await step(virtual, ["-m", "mypy", "--strict", "--cache-dir", join(folder, "mypy"), "--package", "sidestream_acapy"]);
});

for (const { version, skipWithout } of agents) {
  test(`the plugin takes the bus of a real agent, ${version}`, { skip: skipWithout }, async () => {
    // Nothing is installed into the agent's environment: it finds the plugin where the tests have it.
    const packages = readdirSync(join(folder, "venv/lib"))[0] ?? "";
    const paths = { PYTHONPATH: join(folder, "venv/lib", packages, "site-packages") };
    await step(await agentPython(version), [...pytest, "tests/test_real_bus.py"], { ...environment, ...paths });
  });
}
