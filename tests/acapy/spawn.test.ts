/** The example of one file for both, in the plugin's page, does what is said there: with a real Sidestream, without an agent. */
import { deepEqual } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { command, temporaryFolder } from "../system/support/program.ts";
import { untilAcked } from "./support/acked.ts";
import { skipWithoutPython, startRaising } from "./support/raising.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const skip = await skipWithoutPython();

/** The `sidestream` section of the example. */
function example(): Record<string, unknown> {
  const page = readFileSync(join(ROOT, "plugins/acapy/README.md"), "utf8");
  const [, text = ""] = /## One file for both[^]*?```yaml\n([^]*?)```/.exec(page) ?? [];
  return (parse(text) as { readonly sidestream: Record<string, unknown> }).sidestream;
}

test("with the example's configuration the plugin starts a Sidestream that takes its events in", { skip, timeout: 120_000 }, async (t) => {
  const journals = join(temporaryFolder(t), "journals");
  const { spawn, run, agent: name } = example() as { readonly spawn: true; readonly run: object; readonly agent: string };
  // The program of this checkout, and no port that another test may have.
  const more = { spawn, agent: name, run: { ...run, health: false }, command: [join(ROOT, "bin/sidestream")] };
  const agent = await startRaising(t, journals, more);
  await untilAcked(join(journals, name), await agent.tell("many 3 10"));
  await agent.end();
  const { stdout } = command(["spool", "export", "kafka1", "--data", join(journals, ".sidestream/data")]);
  const topics = stdout
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { readonly topic: string }).topic);
  deepEqual(topics, Array<string>(3).fill("default.acapy.connections"));
});
