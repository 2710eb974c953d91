/** `check --connect` and `spool identity` as an operator uses them, beside a running program and without one. */
import { equal, match } from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, start, stop, temporaryFolder } from "./support/program.ts";

const CONFIGURATION = `version: 1
enabled: true
data: ./data
sources:
  front: { type: gateway, listen: "127.0.0.1:0", upstream: "http://127.0.0.1:9" }
destinations:
  files: { type: file, path: ./out }
streams: [ ./stream.yaml ]
health: false
`;

function site(test: Parameters<typeof temporaryFolder>[0]): { readonly folder: string; readonly config: string } {
  const folder = temporaryFolder(test);
  const config = join(folder, "sidestream.yaml");
  writeFileSync(config, CONFIGURATION);
  writeFileSync(join(folder, "stream.yaml"), "stream: audit\ntenants: all\nrules:\n  - METHOD=POST , publish , files:audit\n");
  return { folder, config };
}

test("destinations are checked before the first start and while the program runs, and no spool is made", async (t) => {
  const { folder, config } = site(t);
  const before = command(["check", "--connect", config]);
  equal(before.status, 0, before.stderr);
  match(before.stdout, /^files +file +ok$/m);
  equal(existsSync(join(folder, "data")), false);
  const program = await start(t, ["--config", config]);
  const during = command(["check", "--connect", config]);
  equal(during.status, 0, during.stdout);
  match(during.stdout, /^files +file +note: the running program has it open/m);
  await stop(program);
});

test("a destination that can't be used is told in one line, and the status is 1", (t) => {
  const { folder, config } = site(t);
  writeFileSync(join(folder, "out"), "a file, not a folder");
  const { status, stdout } = command(["check", "--connect", config]);
  equal(status, 1);
  match(stdout, /^files +file +SST_DESTINATION_DISK: .* it is a file, not a folder$/m);
});

test("an identity is asked of the running program; files have none, and what is named must exist", async (t) => {
  const { folder, config } = site(t);
  const program = await start(t, ["--config", config]);
  const refused = command(["spool", "identity", "show", "files", "--data", join(folder, "data")]);
  equal(refused.status, 2);
  match(refused.stderr, /^destination "files" is of a type that has no identity[^]*SST_COMMAND_INVALID: /);
  const unknown = command(["spool", "identity", "reset", "fils", "--data", join(folder, "data")]);
  equal(unknown.status, 2);
  match(unknown.stderr, /^no destination is named "fils"; did you mean files\?/);
  await stop(program);
  const stopped = command(["spool", "identity", "show", "files", "--data", join(folder, "data")]);
  equal(stopped.status, 2);
  match(stopped.stderr, /name its configuration with --config/);
});

test("a configuration and a data folder at once are refused, with the reason", (t) => {
  const { config } = site(t);
  for (const words of [["status"], ["spool", "inspect"], ["spool", "identity", "show", "files"]]) {
    const { status, stderr } = command([...words, "--config", config, "--data", "x"]);
    equal(status, 2);
    match(stderr, /^--config and --data can't be used together/);
  }
});
