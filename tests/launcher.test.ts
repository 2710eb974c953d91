/** The launcher bin/sidestream, put into a package of its own with a program that tells what it was given. */
import { deepEqual, equal, match } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

const TELL = `process.stdout.write(JSON.stringify({ from: import.meta.url.split("/").slice(-3).join("/"), arguments: process.argv.slice(2) }));`;
const READY = `setInterval(() => {}, 1000); process.stdout.write("ready");`;

function packageWith(files: Readonly<Record<string, string>>, node: string | null = process.execPath): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-launcher-"));
  folders.push(folder);
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  write("package.json", '{"type": "module"}');
  for (const [file, text] of Object.entries(files)) write(file, text);
  mkdirSync(join(folder, "bin"));
  for (const name of ["sidestream", "start.js"]) copyFileSync(join(import.meta.dirname, "../bin", name), join(folder, "bin", name));
  if (node !== null) {
    mkdirSync(join(folder, "node_modules/node/bin"), { recursive: true });
    symlinkSync(node, join(folder, "node_modules/node/bin/node"));
  }
  return join(folder, "bin/sidestream");
}

const launch = (launcher: string, programArguments: readonly string[], path = process.env["PATH"]) =>
  spawnSync(launcher, programArguments, { encoding: "utf8", timeout: 60_000, env: { ...process.env, PATH: path } });

test("a clone runs its sources, also where there is an old build, with arguments and exit status passed on", () => {
  const launcher = packageWith({ "src/cli/main.ts": `${TELL} process.exitCode = 75;`, "dist/cli/main.js": "throw new Error();" });
  const { stdout, status } = launch(launcher, ["status", "--data", "a b"]);
  deepEqual(JSON.parse(stdout), { from: "src/cli/main.ts", arguments: ["status", "--data", "a b"] });
  equal(status, 75);
});

test("the package runs its build, also through a link, as npm makes one", () => {
  const launcher = packageWith({ "dist/cli/main.js": TELL });
  const link = `${launcher}-link`;
  symlinkSync(launcher, link);
  equal((JSON.parse(launch(link, []).stdout) as { from: string }).from, "dist/cli/main.js");
});

test("without a Node of its own it takes the one on PATH", () => {
  const { stdout } = launch(
    packageWith({ "src/cli/main.ts": TELL }, null),
    [],
    `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
  );
  equal((JSON.parse(stdout) as { from: string }).from, "src/cli/main.ts");
});

test("an old Node says what is needed, and ends with 78", () => {
  const launcher = packageWith({ "src/cli/main.ts": TELL }, null);
  const old = join(dirname(launcher), "node");
  const disguise = 'data:text/javascript,Object.defineProperty(process, "versions", { value: { node: "20.20.2" } });';
  writeFileSync(old, `#!/bin/sh\nexec "${process.execPath}" --import '${disguise}' "$@"\n`);
  chmodSync(old, 0o755);
  const { stderr, status } = launch(launcher, [], `${dirname(launcher)}:/usr/bin:/bin`);
  match(stderr, /^sidestream needs Node 24 or newer; this is v/u);
  match(stderr, /nodejs\.org/u);
  equal(status, 78);
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`${signal} reaches the program itself: nothing stays behind`, async () => {
    const child = spawn(packageWith({ "src/cli/main.ts": READY }), { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    child.kill(signal);
    // The pipe is closed only when whoever wrote into it is gone.
    const [status] = await Promise.all([once(child, "exit"), once(child.stdout, "close")]);
    deepEqual(status, [null, signal]);
  });
}
