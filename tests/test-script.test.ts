/** The script tools/test.sh, with stand-ins for the programs that it runs. */
import { deepEqual, equal, match } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

/** @param node - What runs in place of the tests. @returns The script. */
function project(t: TestContext, { lint, node }: { readonly lint: string; readonly node: string }): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-test-script-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const bin = join(folder, "node_modules/.bin");
  mkdirSync(bin, { recursive: true });
  const command = (name: string, text: string): void => writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  command("oxlint", lint);
  for (const name of ["oxfmt", "tsc"]) command(name, "true");
  command("node", `case "$1" in --version) echo v24;; *) ${node};; esac`);
  const script = join(folder, "tools/test.sh");
  mkdirSync(join(folder, "tools"));
  copyFileSync(join(import.meta.dirname, "../tools/test.sh"), script);
  return script;
}

test("the status is 0 only when all passed, and a failed check doesn't keep the tests from running", (t) => {
  const statusOf = (lint: string, node: string): number | null => spawnSync(project(t, { lint, node })).status;
  deepEqual([statusOf("true", "exit 0"), statusOf("true", "exit 3"), statusOf("false", "exit 0")], [0, 3, 1]);
  match(spawnSync(project(t, { lint: "false", node: "echo tested" })).stdout.toString(), /failed before the tests: lint[^]*tested/);
});

test("who ends it ends the tests", async (t) => {
  const script = project(t, { lint: "true", node: "echo running; exec sleep 60" });
  const child = spawn(script, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of child.stdout) {
    said += String(chunk);
    // The pipe closes once nobody is left who could write into it.
    if (said.includes("running")) child.kill();
  }
  const [status] = child.exitCode === null ? ((await once(child, "exit")) as [number]) : [child.exitCode];
  equal(status, 143);
});
