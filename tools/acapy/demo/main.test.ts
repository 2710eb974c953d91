/** The demo with an agent, as `make demo-acapy` runs it. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { isFree } from "../../kafka/free-ports.ts";
import { kafkaClassPath } from "../../kafka/jars.ts";
import { skipWithoutAgents } from "../for-tests.ts";

const MAIN = join(import.meta.dirname, "main.ts");
const skip = (await skipWithoutAgents()) || (await skipWithoutKafka());

async function skipWithoutKafka(): Promise<string | false> {
  try {
    await kafkaClassPath();
    return false;
  } catch (problem) {
    if (process.env["CI"] === "true") throw problem;
    return `no Kafka: ${String(problem)}`;
  }
}

/** Runs the demo to its end; each line that it writes is shown to `onLine`, which may end it. */
async function run(t: TestContext, seconds: string, onLine: (line: string, end: () => void) => void = () => {}) {
  const child = spawn(process.execPath, [MAIN], { env: { ...process.env, DEMO_SECONDS: seconds }, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  let [stdout, stderr] = ["", ""];
  createInterface({ input: child.stdout }).on("line", (line) => {
    stdout += `${line}\n`;
    onLine(line, () => child.kill("SIGINT"));
  });
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, stdout, stderr };
}

test("messages of a real agent come to a real topic, and nothing of it all is left", { skip, timeout: 240_000 }, async (t) => {
  const { status, stdout, stderr } = await run(t, "1");
  deepEqual([status, stderr], [0, ""], stdout);
  match(stdout, /alice writes to bob: "Hello bob, this is message 1\."\n/u);
  match(stdout, /Kafka has "Hello bob, this is message 1\.", \d+ ms later\n/u);
  match(stdout, /\d+ events came in all/u);
  const ports = [...new Set([...stdout.matchAll(/127\.0\.0\.1:(\d+)/gu)].map(([, port]) => Number(port)))];
  equal(ports.length, 2, "Kafka's and the agent's");
  deepEqual(
    await Promise.all(ports.map(isFree)),
    ports.map(() => true),
  );
  const configuration = /Its configuration: (\S+)/u.exec(stdout)?.[1] ?? "";
  equal(existsSync(dirname(dirname(configuration))), false);
});

test("Ctrl-C while the agent starts ends the demo at once", { skip, timeout: 240_000 }, async (t) => {
  const { status, stdout, stderr } = await run(t, "", (line, end) => {
    if (line.includes("An ACA-Py agent is started")) end();
  });
  deepEqual([status, stderr], [1, ""], stdout);
  match(stdout, /Messages that came through: 0\./u);
  const port = Number(/Kafka serves at 127\.0\.0\.1:(\d+)/u.exec(stdout)?.[1]);
  ok(await isFree(port));
});

test("a number of seconds that is none is told", async (t) => {
  const { status, stderr } = await run(t, "soon");
  equal(status, 2);
  equal(stderr, 'DEMO_SECONDS is "soon"; expected a number of seconds, such as 30\n');
});
