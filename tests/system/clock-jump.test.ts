/** The machine's clock jumps, by days and back; what was answered arrives once and in order all the same. */
import { deepEqual, equal, match } from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test, type TestContext } from "node:test";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { createTopic } from "../../tools/kafka/topics.ts";
import { assertNumbers, delivered, kafkaWhen, makeKafkaSite, messagesOf, postNumbers } from "./support/kafka-site.ts";
import { readMessages, type TransactionData } from "./support/messages.ts";
import { start, statusWhen, stop, type Program } from "./support/program.ts";
import { makeSite, post } from "./support/site.ts";
import { guarantee } from "../guarantees.ts";

guarantee(
  {
    failure: "clock-jumps",
    capture: ["durable"],
    test: "a clock that jumps ahead by days and back again stops nothing, loses nothing, doubles nothing",
    lost: "nothing; `time` in messages is as wrong as the clock was",
    todo: "nothing",
  },
  {
    failure: "clock-jumps",
    delivery: ["at-least-once"],
    to: "files",
    test: "a clock that jumps ahead by days and back again stops nothing, loses nothing, doubles nothing",
    lost: "nothing. Dead letters are as old as the clock says: one that jumps ahead by `deadLetters.keep` removes them",
    doubled: "nothing",
    todo: "nothing",
  },
  {
    failure: "clock-jumps",
    delivery: ["at-least-once"],
    to: "Kafka",
    test: "a clock that is further ahead than brokers allow has messages wait until it is right again",
    lost: "nothing: further ahead than `message.timestamp.after.max.ms`, messages wait",
    doubled: "nothing. With a clock that was behind by more than `producer.id.expiration.ms`, brokers forget the producer early: as there",
    todo: "set the clock right; keep NTP running on brokers and here",
  },
);

const PRELOAD = resolve(import.meta.dirname, "support/clock-jump.ts");
const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** Kafka's own default bound for times in the future is an hour. */
const AHEAD_MS_MAX = HOUR_MS;

const kafka = await kafkaForTests();
after(async () => await kafka[Symbol.asyncDispose]());

/** Starts the program with a clock that can be set wrong. */
async function startWithClock(
  t: TestContext,
  folder: string,
  configuration: string,
): Promise<{ program: Program; jump: (shiftMs: number) => void }> {
  const path = join(folder, "clock");
  const program = await start(t, ["--config", configuration], {
    nodeArguments: ["--import", PRELOAD],
    env: { SIDESTREAM_TEST_CLOCK: path },
  });
  const jump = (shiftMs: number): void => {
    // Renamed, so that it is never read in half.
    writeFileSync(`${path}.new`, String(shiftMs));
    renameSync(`${path}.new`, path);
  };
  return { program, jump };
}

test("a clock that jumps ahead by days and back again stops nothing, loses nothing, doubles nothing", { timeout: 120_000 }, async (t) => {
  // Files are as old as the kernel says, whose clock stays right here: none must be rotated by its age.
  const site = await makeSite(t, { destination: "maxRate: 1000, rotateSeconds: 0" });
  const { program, jump } = await startWithClock(t, site.folder, site.configuration);
  const url = `${program.address("front")}/things`;
  const shifts = [0, 3 * DAY_MS, -3 * DAY_MS, 0];
  for (const [index, shiftMs] of shifts.entries()) {
    jump(shiftMs);
    for (let number = 10 * index; number < 10 * (index + 1); number += 1) equal((await post(url, { number }))?.status, 201);
    const { breaches } = statusWhen(site.data, ({ totals }) => totals.pending === 0 && totals.delivered === 10 * (index + 1));
    deepEqual(breaches, []);
  }
  await stop(program);
  const numbers = readMessages(site.events).map(({ data }) => ((data as TransactionData).request.body as { number: number }).number);
  deepEqual(
    numbers,
    Array.from({ length: 10 * shifts.length }, (_, number) => number),
  );
});

test(
  "a clock that is further ahead than brokers allow has messages wait until it is right again",
  { skip: kafka.skip, timeout: 120_000 },
  async (t) => {
    const { cluster } = kafka;
    await createTopic(cluster, "ahead", { configs: { "message.timestamp.after.max.ms": String(AHEAD_MS_MAX) } });
    const site = await makeKafkaSite(t, { kafka: { brokers: cluster.bootstrap }, topics: { ahead: "ahead" } });
    const { program, jump } = await startWithClock(t, site.folder, site.configuration);
    await postNumbers(program, "ahead", 0, 10);
    delivered(site, 10);
    jump(5 * AHEAD_MS_MAX);
    await postNumbers(program, "ahead", 10, 10);
    const { transmit } = kafkaWhen(site, ({ transmit }) => (transmit?.blocked.length ?? 0) > 0);
    deepEqual(
      transmit?.blocked.map(({ lane, code }) => [lane, code]),
      [["ahead/0", "SST_LANE_UNAVAILABLE"]],
    );
    match(String(transmit?.blocked[0]?.message), /time/i);
    jump(0);
    delivered(site, 20);
    await stop(program);
    assertNumbers(await messagesOf(cluster, "ahead"), 0, 20);
  },
);
