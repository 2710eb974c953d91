/** docs/acapy.md leads from nothing to events in Kafka: its commands, typed as written. */
import { equal, match, ok } from "node:assert/strict";
import { readFileSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { freeBasePort } from "../../tools/kafka/free-ports.ts";
import { agentPython } from "../../tools/acapy/agent-venv.ts";
import { skipWithoutAgents } from "../../tools/acapy/for-tests.ts";
import { freePort, temporaryFolder } from "../system/support/program.ts";
import { blocksOf, runScript } from "../system/support/typed-commands.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const PAGE = readFileSync(join(ROOT, "docs/acapy.md"), "utf8");
/** A broker's listeners. */
const KAFKA_PORTS = 10;
const skip = await skipWithoutAgents();

test("the commands of docs/acapy.md, typed as written, lead from nothing to events in Kafka", { skip, timeout: 240_000 }, async (t) => {
  const folder = temporaryFolder(t);
  for (const name of ["Makefile", "bin", "descriptors", "node_modules", "package.json", "package-lock.json", "plugins", "src", "tools"])
    symlinkSync(join(ROOT, name), join(folder, name));
  let script = blocksOf(PAGE, "sh live").join("\n");
  // Only the ports are this test's.
  const kafka = await freeBasePort(KAFKA_PORTS);
  for (const [port, own] of [
    ["19500", kafka],
    ["19594", await freePort()],
    ["19595", await freePort()],
    ["19596", await freePort()],
  ] as const) {
    ok(script.includes(port), port);
    script = script.replaceAll(port, String(own));
  }
  const python = await agentPython();
  const down = `npm run --silent kafka -- down --base ${kafka} --wipe`;
  const { status, output } = await runScript(t, folder, `trap '${down}' EXIT\n${script}`, {
    PATH: `${resolve(python, "..")}:${process.env["PATH"]}`,
  });
  equal(status, 0, output);
  const line = output.split("\n").find((each) => each.includes("acapy::record::connections::invitation"));
  ok(line !== undefined, output);
  match(line, /exactly-once/);
  match(output, /kafka1 .*up/);
});
