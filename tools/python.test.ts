import { equal, rejects } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { findPython } from "./python.ts";

/** An empty machine: nothing on PATH, no pyenv. Paths are of commands that say they are a Python of this minor version. */
function machine(t: TestContext, pythons: Readonly<Record<string, number | "shim">>): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-python-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [path, minor] of Object.entries(pythons)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    // A shim says on standard error that the version isn't switched on.
    const does = minor === "shim" ? "exit 127" : `if [ "$3" -gt ${minor} ]; then exit 1; fi; echo "$0"`;
    writeFileSync(join(folder, path), `#!/bin/sh\n${does}\n`, { mode: 0o755 });
  }
  const variables = { PATH: join(folder, "bin"), PYENV_ROOT: join(folder, "pyenv"), SIDESTREAM_PYTHON: "" };
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => (before === undefined ? delete process.env[name] : (process.env[name] = before)));
  }
  return folder;
}

test("the oldest fit one on PATH is taken, and shims that run nothing are passed over", async (t) => {
  const folder = machine(t, { "bin/python3.12": "shim", "bin/python3.14": 14, "bin/python3.13": 13, "bin/python3": 11 });
  equal(await findPython(12), join(folder, "bin/python3.13"));
  equal(await findPython(14), join(folder, "bin/python3.14"));
});

test("one that is called python3 is taken where no version is named", async (t) => {
  const folder = machine(t, { "bin/python3": 13 });
  equal(await findPython(12), join(folder, "bin/python3"));
});

test("pyenv's are found also when none is switched on, the oldest first", async (t) => {
  const folder = machine(t, {
    "bin/python3.13": "shim",
    "pyenv/versions/3.9.18/bin/python3": 9,
    "pyenv/versions/3.13.0/bin/python3": 13,
    "pyenv/versions/3.14.1/bin/python3": 14,
  });
  equal(await findPython(13), join(folder, "pyenv/versions/3.13.0/bin/python3"));
});

test("without a fit one there is none", async (t) => {
  machine(t, { "bin/python3": 11, "pyenv/versions/3.9.18/bin/python3": 9 });
  equal(await findPython(12), null);
});

test("SIDESTREAM_PYTHON wins, and one that isn't fit is an error", async (t) => {
  const folder = machine(t, { "bin/python3.13": 13, "own/python": 14, "own/old": 11 });
  process.env["SIDESTREAM_PYTHON"] = join(folder, "own/python");
  equal(await findPython(13), join(folder, "own/python"));
  process.env["SIDESTREAM_PYTHON"] = join(folder, "own/old");
  await rejects(findPython(13), { message: /^SIDESTREAM_PYTHON is .*own\/old: expected a Python 3\.13 or newer, with venv$/u });
});
