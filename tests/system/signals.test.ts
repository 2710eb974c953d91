/** How signals end a program whose engine hangs: in time, and at once when it is asked twice. */
import { deepEqual, match } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { launch, start, type Program } from "./support/program.ts";
import { makeSite } from "./support/site.ts";

const HANGING = new URL("support/hanging-engine.ts", import.meta.url).href;

type How = "in a loop" | "in the system";

async function hanging(t: TestContext, how: How): Promise<Program> {
  const site = await makeSite(t);
  const at = join(site.folder, "hang");
  const pipe = join(site.folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const env = { HANG_AT: at, ...(how === "in the system" ? { HANG_IN: pipe } : {}) };
  const program = await start(t, ["--config", site.configuration], { env, nodeArguments: ["--import", HANGING] });
  writeFileSync(at, "");
  await program.logged("the engine hangs");
  program.process.kill("SIGTERM");
  await program.logged("ending: ");
  return program;
}

// They wait for the program's own deadlines, so they wait together.
describe("an engine that hangs", { concurrency: true, timeout: 120_000 }, () => {
  for (const how of ["in a loop", "in the system"] as const) {
    test(`${how} doesn't keep the program from ending at once by a second signal`, async (t) => {
      const program = await hanging(t, how);
      program.process.kill("SIGTERM");
      deepEqual(await program.ended, { status: null, signal: "SIGTERM" });
    });
  }

  test("in a loop is cut off, which is told, and the program ends in order", async (t) => {
    const program = await hanging(t, "in a loop");
    deepEqual(await program.ended, { status: 0, signal: null });
    match(program.errors(), /the engine did not end within 10 s and is cut off: 0 durable events/);
  });

  test("at its start doesn't keep the program from ending after a signal", async (t) => {
    const site = await makeSite(t);
    const options = { env: { HANG_AT: site.configuration }, nodeArguments: ["--import", HANGING] };
    const program = launch(t, ["run", "--config", site.configuration], options);
    await program.logged("the engine hangs");
    program.process.kill("SIGTERM");
    deepEqual(await program.ended, { status: null, signal: "SIGTERM" });
    match(program.errors(), /not ended within 15 s, so it is cut short: the start, which may have a large spool to read, is not through/);
  });

  test("in the system is told with what is not finished, and the program ends all the same", async (t) => {
    const program = await hanging(t, "in the system");
    deepEqual(await program.ended, { status: null, signal: "SIGTERM" });
    match(program.errors(), /not ended within 15 s, so it is cut short: the engine doesn't end, with 0 durable events not settled/);
  });
});
