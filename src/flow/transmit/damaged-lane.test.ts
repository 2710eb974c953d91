/** A numbered lane whose messages damage hit while they were being sent, with the kills that make it hard. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Dispatcher } from "./dispatcher.ts";
import { MemoryDeadLetters, MemoryLog, spooled } from "./testing/memory-log.ts";
import { NumberedDestination } from "./testing/numbered-destination.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";

const LANE = "topic1/1";

/** Numbers of the lane's messages in the log. */
const FIRST = 1;
const LOST = 2;
const LAST = 3;

const NEW = 4;
/** More than a lane takes at a time. */
const COUNT = 60;

interface DamagedBench {
  readonly clock: VirtualClock;
  readonly destination: NumberedDestination;
  log: MemoryLog;
  /** A process begins on what the last one left, which is killed. */
  next(prepare?: (log: MemoryLog) => void): void;
}

/** Three messages of one lane; nobody sends them yet. */
function damagedBench(): DamagedBench {
  const clock = new VirtualClock();
  const destination = new NumberedDestination(clock);
  const deadLetters = new MemoryDeadLetters();
  return {
    clock,
    destination,
    log: new MemoryLog([FIRST, LOST, LAST].map((number) => spooled(number))),
    next(prepare = () => {}) {
      destination.cut();
      this.log = this.log.crash();
      prepare(this.log);
      const parts = { log: this.log, deadLetters, driver: destination.driver, options: {}, inFlightMax: 100, clock, random: () => 0.5 };
      new Dispatcher(parts).start();
    },
  };
}

test("a lane that was numbered anew gets on from there when a kill took the confirmations of what was below", async () => {
  const at = damagedBench();
  at.destination.faults.push("lost-after", "busy");
  at.next();
  await at.clock.settle();
  at.next((log) => {
    log.damage(LOST);
    log.beforeConfirm = () => new Promise(() => {});
  });
  await at.clock.settle();
  assert.deepEqual(at.log.memory.get(`lane/${LANE}`), { epoch: 1, base: 1 }, "it is numbered anew behind the first message");
  at.next();
  assert.equal(at.log.lanePosition(LANE), null, "the cursor is from before that");
  await at.clock.until(() => at.log.unconfirmedCount === 0);
  assert.deepEqual(
    at.destination.arrived.map(({ sequence }) => sequence),
    [FIRST, LOST, LAST, LAST],
  );
  assert.deepEqual(at.log.lanePosition(LANE), { number: 2, position: "at 2" });
  assert.deepEqual([...at.log.violations, ...at.destination.violations], []);
});

for (const [what, faults, damaged, expected] of [
  ["from before the damage on", ["hang"], LOST, [FIRST, LOST, LAST, LAST, NEW]],
  ["from the damage on", ["hang"], FIRST, [FIRST, LOST, LAST, LOST, LAST, NEW]],
  ["behind what was acknowledged", ["split", "none", "hang"], LOST, [FIRST, LOST, LAST, LAST, NEW]],
] as const)
  test(`a dead process's request that comes late is not taken for another under the same numbers, ${what}`, async () => {
    const at = damagedBench();
    at.destination.faults.push(...faults);
    at.next();
    await at.clock.advance(29_000);
    // What the destination answers was so before the request came.
    at.destination.questionDelaysMs.push(25_000);
    at.next((log) => {
      log.damage(damaged);
      log.append(spooled(NEW));
    });
    await at.clock.until(() => at.log.unconfirmedCount === 0);
    assert.deepEqual(
      at.destination.arrived.map(({ sequence }) => sequence),
      expected,
    );
    assert.deepEqual([...at.log.violations, ...at.destination.violations], []);
  });

for (const [what, afterMs, take] of [
  ["damage took from the log, where a stuck lane gave it back", 10_000, (log: MemoryLog) => log.damage(NEW)],
  ["was given up while its lane waited", 100, (log: MemoryLog) => log.drop(LOST)],
] as const)
  test(`what was sent and ${what}, leaves its number to no other`, async () => {
    const at = damagedBench();
    at.destination.faults.push("late");
    at.next((log) => {
      for (let number = NEW; number <= COUNT; number += 1) log.append(spooled(number));
    });
    await at.clock.settle();
    // What was sent arrives while the lane can't get on.
    const untilMs = at.clock.nowMs() + 60_000;
    at.destination.laneError = () => (at.clock.nowMs() < untilMs ? "SST_LANE_UNAVAILABLE" : null);
    await at.clock.advance(afterMs);
    take(at.log);
    await at.clock.until(() => at.log.unconfirmedCount === 0);
    const arrived = new Set(at.destination.arrived.map(({ sequence }) => sequence));
    assert.equal(arrived.size, COUNT, "all of them are there: what is gone from the log arrived before");
    assert.deepEqual([...at.log.violations, ...at.destination.violations], []);
  });
