/** The demo with an agent, as `make demo-acapy` runs it. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { kafkaClassPath } from "../../kafka/jars.ts";
import { waitUntil } from "../../kafka/wait-until.ts";
import { skipWithoutAgents } from "../for-tests.ts";

const MAIN = join(import.meta.dirname, "main.ts");
const GONE_MS_MAX = 20_000;
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
  const started = new Set<string>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    stdout += `${line}\n`;
    for (const each of descendants(child.pid ?? 0)) started.add(each);
    onLine(line, () => child.kill("SIGINT"));
  });
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [status] = (await once(child, "close")) as [number | null];
  // Ports tell nothing: whoever comes next may have taken them. Guards end a moment after what they guarded.
  const isLeft = (): boolean => processes().some(({ name }) => started.has(name));
  await waitUntil(() => !isLeft(), GONE_MS_MAX, "all that the demo started to be gone");
  return { status, stdout, stderr, started: started.size };
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** With its start: another process may get the number later. */
  readonly name: string;
}

function processes(): readonly Process[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/u.test(entry)) return [];
    try {
      // The name of the program stands in parentheses, and may have some itself.
      const fields = readFileSync(`/proc/${entry}/stat`, "latin1")
        .replace(/^.*\) /su, "")
        .split(" ");
      return [{ pid: Number(entry), parent: Number(fields[1]), name: `${entry} since ${fields[19]}` }];
    } catch {
      // It has ended.
      return [];
    }
  });
}

/** All that a process started, and what those started. */
function descendants(pid: number): readonly string[] {
  const all = processes();
  const of = (parent: number): readonly string[] =>
    all.filter((each) => each.parent === parent).flatMap((each) => [each.name, ...of(each.pid)]);
  return of(pid);
}

test("messages of a real agent come to a real topic, and nothing of it all is left", { skip, timeout: 240_000 }, async (t) => {
  const { status, stdout, stderr, started } = await run(t, "1");
  deepEqual([status, stderr], [0, ""], stdout);
  match(stdout, /alice writes to bob: "Hello bob, this is message 1\."\n/u);
  match(stdout, /Kafka has "Hello bob, this is message 1\.", \d+ ms later\n/u);
  match(stdout, /\d+ events came in all/u);
  ok(started >= 3, "Kafka, Sidestream, the agent");
  const configuration = /Its configuration: (\S+)/u.exec(stdout)?.[1] ?? "";
  equal(existsSync(dirname(dirname(configuration))), false);
});

test("Ctrl-C while the agent starts ends the demo at once", { skip, timeout: 240_000 }, async (t) => {
  const { status, stdout, stderr } = await run(t, "", (line, end) => {
    if (line.includes("An ACA-Py agent is started")) end();
  });
  deepEqual([status, stderr], [1, ""], stdout);
  match(stdout, /Messages that came through: 0\./u);
});

test("a number of seconds that is none is told", async (t) => {
  const { status, stderr } = await run(t, "soon");
  equal(status, 2);
  equal(stderr, 'DEMO_SECONDS is "soon"; expected a number of seconds, such as 30\n');
});
