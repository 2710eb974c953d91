import { equal, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { freeBasePort } from "./free-ports.ts";
import { Guard } from "./guard.ts";
import { kafkaClassPath } from "./jars.ts";

const MAIN = join(import.meta.dirname, "main.ts");

/** Runs the command line with its own folder for brokers, and the jars that are there already. */
async function commands(t: TestContext, jars: string) {
  const brokers = mkdtempSync(join(tmpdir(), "sidestream-brokers-"));
  t.after(() => rmSync(brokers, { recursive: true, force: true }));
  symlinkSync(jars, join(brokers, basename(jars)));
  const base = await freeBasePort(10);
  const folder = join(brokers, `run-${base}`);
  const kafka = async (...words: string[]): Promise<{ readonly status: unknown; readonly stdout: string; readonly stderr: string }> =>
    await new Promise((done) => {
      const options = { env: { ...process.env, SIDESTREAM_BROKERS: brokers } };
      execFile(process.execPath, [MAIN, ...words, "--base", String(base)], options, (problem, stdout, stderr) =>
        done({ status: problem === null ? 0 : problem.code, stdout, stderr }),
      );
    });
  return { base, folder, kafka };
}

/** Why there are no jars, or null. Where CI=true, that is an error. */
async function whyNot(): Promise<string | null> {
  try {
    await kafkaClassPath();
    return null;
  } catch (problem) {
    if (process.env["CI"] === "true") throw problem;
    return String(problem);
  }
}

test("up leaves a broker running that the other commands find, and down ends it", async (t) => {
  const reason = await whyNot();
  if (reason !== null) return t.skip(reason);
  const { base, folder, kafka } = await commands(t, dirname(await kafkaClassPath()));
  // The broker must not outlive this test either.
  const guard = new Guard(folder, "remove");
  t.after(async () => await guard.end());

  const up = await kafka("up", "--set", "log.retention.hours=1");
  equal(up.stderr, "");
  match(up.stdout, new RegExp(`PLAINTEXT +127\\.0\\.0\\.1:${base}\\n`, "u"));
  match(up.stdout, /user, password +sidestream, sidestream-secret/u);
  const pid = /process (\d+)/u.exec(up.stdout)?.[1];
  ok(existsSync(`/proc/${pid}`));
  equal((await kafka("topic", "create", "demo", "2")).status, 0);
  equal((await kafka("consume", "demo")).stdout, "");
  equal((await kafka("pause", "1")).status, 0);
  equal((await kafka("resume", "1")).status, 0);
  match((await kafka("kill", "2")).stderr, /there is no node 2/u);
  match((await kafka("up", "--nodes", "3")).stderr, /remove it first/u);
  equal((await kafka("kill", "1")).status, 0);
  match((await kafka("status")).stdout, /node 1 +down/u);
  equal((await kafka("down", "--wipe")).status, 0);
  equal(existsSync(folder), false);
});

test("wrong words are told, and end with status 1", async (t) => {
  const { kafka } = await commands(t, tmpdir());
  for (const [words, message] of [
    [["down"], /there is no cluster at \d+: begin with "npm run kafka -- up --base \d+"/u],
    [["up", "--nodes", "2"], /Expected 1 or 3/u],
    [["up", "--set", "nonsense"], /Expected name=value/u],
    [["kill", "one"], /no cluster at|Expected a whole number/u],
  ] as const) {
    const { status, stderr } = await kafka(...words);
    equal(status, 1);
    match(stderr, message);
  }
});
