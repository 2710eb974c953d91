/** What becomes of messages in memory when the program, or its engine, ends before they could be sent. */
import { deepEqual, equal, match } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { guarantee } from "../guarantees.ts";
import { command, start, statusOf, statusWhen, temporaryFolder, type Program } from "./support/program.ts";
import { post } from "./support/site.ts";
import { startUpstream } from "./support/upstream.ts";

guarantee(
  {
    failure: "killed",
    delivery: ["at-most-once"],
    test: "a program that is killed loses what waited in memory, and nothing of it comes later; those beside it in the spool stay",
    lost: "what waits in memory or is being sent; nobody counts it",
    doubled: "nothing",
    todo: "nothing; where that can't be borne, use at-least-once",
  },
  {
    failure: "engine-dies",
    delivery: ["at-most-once"],
    test: "an engine that dies loses what waited in memory, and nothing of it comes later; those beside it in the spool stay",
    lost: "what waits in memory or is being sent; nobody counts it",
    doubled: "nothing",
    todo: "nothing; where that can't be borne, use at-least-once",
  },
);

const PRELOAD = resolve(import.meta.dirname, "support/engine-death.ts");
const COUNT = 20;

interface Away {
  readonly configuration: string;
  readonly data: string;
  readonly folder: string;
}

/** A Kafka that nobody can reach, with a stream of each kind. */
async function makeAway(test: TestContext): Promise<Away> {
  const folder = temporaryFolder(test);
  const upstream = await startUpstream(test);
  const configuration = join(folder, "sidestream.yaml");
  const data = join(folder, "data");
  const front = { type: "gateway", listen: "127.0.0.1:0", upstream: upstream.url, capture: "durable" };
  const destinations = { kafka1: { type: "kafka", brokers: ["127.0.0.1:1"] } };
  const streams = { safe: "at-least-once", once: "at-most-once" };
  for (const [stream, delivery] of Object.entries(streams)) {
    const rules = [`METHOD=POST , publish , kafka1:${stream}`];
    writeFileSync(join(folder, `${stream}.yaml`), JSON.stringify({ stream, tenants: "all", delivery, rules }));
  }
  writeFileSync(
    configuration,
    JSON.stringify({
      version: 1,
      enabled: true,
      data,
      sources: { front },
      destinations,
      streams: ["./safe.yaml", "./once.yaml"],
      health: false,
    }),
  );
  return { configuration, data, folder };
}

/** Posts, and looks that each stream has so many that wait. */
async function fill(program: Program, { data }: Away): Promise<void> {
  for (let number = 0; number < COUNT; number += 1) equal((await post(`${program.address("front")}/x`, { number }))?.status, 201);
  deepEqual(pendingOf(data), { safe: COUNT, once: COUNT });
  match(command(["status", "--data", data]).stdout, /kafka1: 20 messages wait in memory/);
}

function pendingOf(data: string): Record<string, number> {
  const { messages, breaches } = statusOf(data);
  deepEqual(breaches, []);
  return Object.fromEntries(messages.map(({ stream, pending }) => [stream, pending]));
}

test(
  "a program that is killed loses what waited in memory, and nothing of it comes later; those beside it in the spool stay",
  { timeout: 120_000 },
  async (t) => {
    const away = await makeAway(t);
    const program = await start(t, ["--config", away.configuration]);
    await fill(program, away);
    program.process.kill("SIGKILL");
    await program.ended;
    await start(t, ["--config", away.configuration]);
    deepEqual(pendingOf(away.data), { safe: COUNT });
  },
);

test(
  "an engine that dies loses what waited in memory, and nothing of it comes later; those beside it in the spool stay",
  { timeout: 120_000 },
  async (t) => {
    const away = await makeAway(t);
    const death = join(away.folder, "death");
    const program = await start(t, ["--config", away.configuration], {
      nodeArguments: ["--import", PRELOAD],
      env: { SIDESTREAM_TEST_DEATH: death },
    });
    await fill(program, away);
    writeFileSync(death, "exception");
    await program.logged("the engine runs again");
    statusWhen(away.data, ({ engineUp }) => engineUp);
    deepEqual(pendingOf(away.data), { safe: COUNT });
  },
);

test("a program that is stopped says in one line what it could not send from memory", { timeout: 120_000 }, async (t) => {
  const away = await makeAway(t);
  const program = await start(t, ["--config", away.configuration]);
  await fill(program, away);
  program.process.kill("SIGTERM");
  equal((await program.ended).status, 0, program.errors());
  const lines = program
    .errors()
    .split("\n")
    .filter((line) => line.includes("at-most-once"));
  equal(lines.length, 1, lines.join("\n"));
  match(lines[0] ?? "", /20 messages for kafka1 with `delivery: at-most-once` waited in memory at the stop/);
});
