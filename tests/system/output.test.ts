/** Standard output that can't be written: told in one line with status 74; a reader that is gone is no matter. */
import { deepEqual, equal } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { disk } from "../../src/flow/spool/disk.ts";
import { Spool } from "../../src/flow/spool/spool.ts";
import { message } from "../../src/flow/spool/testing/fixtures.ts";
import { temporaryFolder } from "./support/program.ts";

const MAIN = resolve(import.meta.dirname, "../../src/cli/main.ts");
const MIB = 1024 * 1024;

/** A data folder with a log of some messages, and commands that print of it. */
async function commands(t: TestContext): Promise<readonly string[][]> {
  const data = join(temporaryFolder(t), "data");
  const destinations = [{ name: "files", bytesMax: 16 * MIB, deadLetters: { keepMs: 1e12, bytesMax: MIB } }];
  const spool = await Spool.open({ disk, dataFolder: data, destinations, topicsMax: 10, onFinding: () => undefined });
  for (let number = 0; number < 100; number++) spool.logs.get("files")?.append(message(String(number)), true);
  await spool.logs.get("files")?.flush();
  await spool.close();
  return [["spool", "inspect", "--data", data], ["spool", "export", "files", "--data", data], ["schema", "configuration"], ["--help"]];
}

test("a full disk behind standard output is one line and status 74", { skip: !existsSync("/dev/full") }, async (t) => {
  for (const words of await commands(t)) {
    const line = '"$0" "$@" > /dev/full';
    const { status, stderr } = spawnSync("sh", ["-c", line, process.execPath, MAIN, ...words], { encoding: "utf8" });
    equal(stderr, "could not write to standard output, what is there is not whole: ENOSPC\n", words.join(" "));
    equal(status, 74);
  }
});

test("a reader that is gone ends a command without a word, as a signal would", async (t) => {
  for (const words of await commands(t)) {
    const child = spawn(process.execPath, [MAIN, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout.destroy();
    const [status] = (await once(child, "close")) as [number | null];
    deepEqual([status, stderr], [141, ""], words.join(" "));
  }
});
