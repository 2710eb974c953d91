/** The script tools/apt-need.sh, with stand-ins for the commands that would change the machine. */
import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

interface Machine {
  readonly user: number;
  readonly sudo: boolean;
  /** The first attempt to install fails, as with old package lists. */
  readonly listsAreOld?: boolean;
}

/** Runs the script on a machine where packages named `present-…` are installed. Returns what it called. */
function need(packages: readonly string[], { user, sudo, listsAreOld = false }: Machine) {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-apt-"));
  const calls = join(folder, "calls");
  const command = (name: string, text: string): void => writeFileSync(join(folder, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  command("id", `echo ${user}`);
  command("dpkg-query", 'case "${@: -1}" in present-*) echo "install ok installed";; *) exit 1;; esac');
  command(
    "apt-get",
    `echo "$1 \${*: -1}" >>${calls}\nif ${listsAreOld} && [ "$1" = install ] && ! grep -q update ${calls}; then exit 100; fi`,
  );
  if (sudo) command("sudo", `echo "sudo" >>${calls}\nexec "$@"`);
  // Only these of the real commands: a sudo that this machine has must not be found.
  for (const name of ["env", "grep"])
    symlinkSync(execFileSync("/bin/sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim(), join(folder, name));
  const script = join(import.meta.dirname, "../tools/apt-need.sh");
  const { status, stderr } = spawnSync("/bin/bash", [script, ...packages], { encoding: "utf8", env: { PATH: folder } });
  const called = existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n") : [];
  rmSync(folder, { recursive: true });
  return { status, stderr, called };
}

test("without names, or with all packages present, nothing is called", () => {
  deepEqual(need([], { user: 0, sudo: false }), { status: 0, stderr: "", called: [] });
  deepEqual(need(["present-one", "grep"], { user: 0, sudo: false }), { status: 0, stderr: "", called: [] });
});

test("only what is missing is installed", () => {
  const { status, stderr, called } = need(["present-one", "missing-one"], { user: 0, sudo: false });
  equal(status, 0);
  equal(stderr, "installing Debian packages: missing-one\n");
  deepEqual(called, ["install missing-one"]);
});

test("a package whose command has another name is missing only without the command", () => {
  const { status, called } = need(["grep:missing-one", "no-such-command:present-one", "no-such-command:missing-two"], {
    user: 0,
    sudo: false,
  });
  equal(status, 0);
  deepEqual(called, ["install missing-two"]);
});

test("old package lists are refreshed, once", () => {
  const { status, called } = need(["missing-one"], { user: 0, sudo: false, listsAreOld: true });
  equal(status, 0);
  deepEqual(called, ["install missing-one", "update -q", "install missing-one"]);
});

test("a user who isn't root installs by sudo", () => {
  const { status, called } = need(["missing-one"], { user: 1000, sudo: true });
  equal(status, 0);
  deepEqual(called, ["sudo", "install missing-one"]);
});

test("without root and sudo the command for the administrator is told", () => {
  const { status, stderr, called } = need(["missing-one", "missing-two"], { user: 1000, sudo: false });
  equal(status, 75);
  match(stderr, /Ask the administrator to run: apt-get install missing-one missing-two/u);
  deepEqual(called, []);
});
