/**
 * The promise of `capture: durable`, held against SIGKILL: every request that was answered is in the files.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertOrderPerKey, durableConfiguration, runClients, startAnswering } from "./support/durable-clients.ts";
import { readMessages, type TransactionData } from "./support/messages.ts";
import { command, freePort, start, statusWhen, stop, temporaryFolder, type Program } from "./support/program.ts";
import { seeded } from "./support/random.ts";
import { guarantee } from "../guarantees.ts";

guarantee(
  {
    failure: "killed",
    capture: ["durable"],
    test: "every answered request is delivered, in order per key, over ten kills",
    lost: "nothing that was answered. A request whose answer didn't come may have an event or none",
    todo: "nothing; start it again",
  },
  {
    failure: "killed",
    delivery: ["at-least-once"],
    to: "files",
    test: "every answered request is delivered, in order per key, over ten kills",
    lost: "nothing",
    doubled: "what was sent and not yet confirmed on disk: at most `inFlightMax` messages a kill, in order",
    todo: "nothing; start it again. Readers tell doubles by stream, target and `id`",
  },
);

const ANSWERS_WANTED = 20_000;
const KILLS = 10;
const IN_FLIGHT_MAX = 100;

const STREAM = `
stream: everything
tenants: all
rules: [ "METHOD=POST , publish , out:things" ]
`;

test("every answered request is delivered, in order per key, over ten kills", { timeout: 280_000 }, async (t) => {
  const { seed, next } = seeded();
  t.diagnostic(`seed ${seed}`);
  const folder = temporaryFolder(t);
  const port = await freePort();
  writeFileSync(
    join(folder, "sidestream.yaml"),
    durableConfiguration(
      port,
      await startAnswering(t),
      `out: { type: file, path: ./events, rotateBytes: 4MiB, inFlightMax: ${IN_FLIGHT_MAX} }`,
    ),
  );
  writeFileSync(join(folder, "stream.yaml"), STREAM);

  const run = () => start(t, ["--config", join(folder, "sidestream.yaml")]);
  let program: Program = await run();
  const kill = async () => {
    program.process.kill("SIGKILL");
    await program.ended;
    program = await run();
  };
  const killAt = Array.from({ length: KILLS }, () => Math.floor(next() * ANSWERS_WANTED * 0.95)).toSorted((left, right) => left - right);
  const { answered, sentCount } = await runClients(
    t,
    port,
    ANSWERS_WANTED,
    killAt.map((at) => ({ at, run: kill })),
  );

  const data = join(folder, "data");
  const status = statusWhen(data, ({ totals }) => totals.pending === 0);
  deepEqual(status.breaches, []);
  await stop(program);

  const messages = readMessages(join(folder, "events"));
  const numbers = messages.map(({ data: content }) => ((content as TransactionData).request.body as { number: number }).number);
  const distinct = new Set(numbers);
  const lost = [...answered].filter((number) => !distinct.has(number));
  t.diagnostic(`${sentCount} sent, ${answered.size} answered, ${messages.length} messages, ${messages.length - distinct.size} repeated`);
  equal(lost.length, 0, `answered requests that are not there: ${lost.slice(0, 20).join(", ")}`);
  ok(messages.length - distinct.size <= KILLS * IN_FLIGHT_MAX, `${messages.length - distinct.size} repeats`);
  assertOrderPerKey(numbers.map((number, at) => ({ key: String(messages[at]?.partitionkey), number })));
  const { totals } = status;
  equal(totals.accepted, totals.delivered + totals.dead + totals.dropped);
  equal(totals.delivered, distinct.size);
  const check = command(["spool", "fsck", "--data", data, "--json"]);
  equal(check.status, 0, check.stdout + check.stderr);
});
