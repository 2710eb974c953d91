/** docs/cli.md and what `--help` says: the same flags with the same defaults. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { command } from "./system/support/program.ts";

const PAGE = readFileSync(new URL("../docs/cli.md", import.meta.url), "utf8");
/** What is chosen without the flag; null where it must be given. */
type Defaults = Readonly<Record<string, string | null>>;

/** Flags of a command, each with its default. */
function flagsOf(...words: readonly string[]): Defaults {
  const { status, stdout } = command([...words, "--help"]);
  equal(status, 0);
  const options = stdout.slice(stdout.indexOf("Options:"), stdout.indexOf("\nCommands:") + 1 || undefined);
  const entries = options.split(/\n {2}(?=-)/).slice(1);
  return Object.fromEntries(
    entries.map((entry) => {
      const text = entry.replaceAll(/\s+/g, " ");
      return [/--[a-z-]+/.exec(text)?.[0] ?? "", /default: "?([^\s",)]+)/.exec(text)?.[1] ?? null];
    }),
  );
}

test("the page names every flag of run, with the default that --help tells", () => {
  const { "--help": help, "--config": config, "--listen": listen, "--upstream": upstream, "--log-level": level, ...flags } = flagsOf("run");
  deepEqual([help, config, listen, upstream, level], [null, null, null, null, "info"]);
  ok(PAGE.includes("`info` (the default)"));
  const from = PAGE.indexOf("## Without a file");
  const rows = PAGE.slice(from, PAGE.indexOf("\n## ", from + 1))
    .split("\n")
    .filter((line) => line.startsWith("| `--"));
  const documented = rows
    .map((row) => row.split(" | "))
    .map(([flag = "", , value = ""]) => [flag.split(/[` ]/)[2] ?? "", /`(.+)`/.exec(value)?.[1] ?? null]);
  deepEqual(Object.fromEntries(documented), flags);
});

test("the page names every command with its flags", () => {
  const operate = [["pause"], ["resume"], ["drain"], ["discard"], ["tenant", "purge"]];
  const dead = ["list", "show", "redrive", "purge"].map((name) => ["dead", name]);
  const spool = ["inspect", "fsck", "export", "adopt", "purge"].map((name) => ["spool", name]);
  for (const words of [
    ["status"],
    ["check"],
    ["validate"],
    ["test"],
    ["explain"],
    ["diff"],
    ["schema"],
    ["verify"],
    ["acapy", "doctor"],
    ["acapy", "reconcile"],
    ["demo"],
    ...dead,
    ...operate,
    ...spool,
    ["spool", "identity", "show"],
  ]) {
    ok(PAGE.includes(`sidestream ${words.slice(0, 2).join(" ")}`), words.join(" "));
    for (const flag of Object.keys(flagsOf(...words))) ok(PAGE.includes(flag), `${words.join(" ")} ${flag}`);
  }
});
