import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { OLDEST_AGENT_VERSION, agentPython, agentPythonMinor, agentRequirement, constraintsFile } from "./agent-venv.ts";
import { environmentsFolder } from "../python-environment.ts";
import { skipWithoutAgents } from "./for-tests.ts";

/** Sets variables of the environment until the test ends. */
function environment(t: TestContext, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => (before === undefined ? delete process.env[name] : (process.env[name] = before)));
  }
}

/** An empty folder for agents, and a Python whose pip writes down what it is asked for, and then does what the shell commands say. */
function machine(t: TestContext, pipDoes: string): { readonly folder: string; readonly calls: () => readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-venv-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const python = join(folder, "python");
  const script = `#!/bin/sh
here=${folder}
case "$1 $2" in
  "-c "*) echo "$0" ;;
  "--version ") cat "$here/version" ;;
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip") shift 2; echo "$@" >>"$here/calls"
${pipDoes} ;;
esac
`;
  writeFileSync(python, script, { mode: 0o755 });
  writeFileSync(join(folder, "version"), "Python 3.13.0\n");
  environment(t, { SIDESTREAM_PYTHON: python, SIDESTREAM_AGENTS: join(folder, "agents") });
  const calls = join(folder, "calls");
  return { folder, calls: () => (existsSync(calls) ? readFileSync(calls, "utf8").trimEnd().split("\n") : []) };
}

test("two who ask at the same time get one installation, and a third none", async (t) => {
  const { folder, calls } = machine(t, "true");
  const [one, two] = await Promise.all([agentPython(), agentPython()]);
  equal(one, two);
  equal(await agentPython(), one);
  equal(dirname(dirname(dirname(one))), join(folder, "agents"));
  equal(calls().length, 1);
  match(calls()[0] ?? "", /^install --quiet --no-input .* --constraint \S+\/constraints\/1\.7\.0\.txt acapy-agent==1\.7\.0$/u);
});

test("an installation that breaks off is told with pip's words, and is begun anew the next time", async (t) => {
  const { folder, calls } = machine(t, `if ! [ -e "$here/mended" ]; then echo no route >&2; exit 1; fi`);
  await rejects(agentPython(), /acapy-agent==1\.7\.0 could not be installed into .*: no route$/u);
  writeFileSync(join(folder, "mended"), "");
  const python = await agentPython();
  deepEqual(readdirSync(join(python, "../..")), ["bin", "complete"]);
  equal(calls().length, 2);
});

test("what a killed installation left is removed", async (t) => {
  machine(t, "true");
  const python = await agentPython();
  rmSync(join(python, "../../complete"));
  mkdirSync(join(python, "../half"));
  await agentPython();
  deepEqual(readdirSync(dirname(python)), ["python"]);
});

test("after an update of its Python an environment is made anew", async (t) => {
  const { folder, calls } = machine(t, "true");
  await agentPython();
  writeFileSync(join(folder, "version"), "Python 3.13.1\n");
  await agentPython();
  equal(calls().length, 2);
});

test("a version without a list of packages is installed with what is new", async (t) => {
  const { calls } = machine(t, "true");
  await agentPython("1.3.6");
  equal(calls()[0], "install --quiet --no-input --disable-pip-version-check acapy-agent==1.3.6");
});

test("each agent is asked for with the Python it needs", () => {
  deepEqual(["1.1.0", "1.3.6", "1.4.0", "1.5.0", "1.7.0", "2.0.0"].map(agentPythonMinor), [12, 12, 12, 13, 13, 13]);
  equal(agentRequirement(OLDEST_AGENT_VERSION), "acapy-agent[askar]==1.1.0");
  const pinned = readFileSync(constraintsFile(OLDEST_AGENT_VERSION), "utf8");
  match(pinned, /^acapy_agent==1\.1\.0$/mu);
});

test("environments are kept in the user's folder for caches unless told otherwise", (t) => {
  environment(t, { XDG_CACHE_HOME: "/caches" });
  const before = process.env["SIDESTREAM_AGENTS"];
  delete process.env["SIDESTREAM_AGENTS"];
  t.after(() => (before === undefined ? null : (process.env["SIDESTREAM_AGENTS"] = before)));
  equal(environmentsFolder(), "/caches/sidestream/agents");
  process.env["XDG_CACHE_HOME"] = "";
  match(environmentsFolder(), /\/\.cache\/sidestream\/agents$/u);
  delete process.env["SIDESTREAM_AGENTS"];
});

test("without a Python, tests are skipped with the reason, or fail where CI=true", async (t) => {
  machine(t, "true");
  environment(t, { PATH: "/nowhere", PYENV_ROOT: "/nowhere", SIDESTREAM_PYTHON: "", CI: "" });
  equal(await skipWithoutAgents(), "no agent: this machine lacks Python 3.13 or newer, on PATH or of pyenv; SIDESTREAM_PYTHON may name it");
  environment(t, { CI: "true" });
  await rejects(skipWithoutAgents(), /this machine lacks Python 3\.13/u);
});
