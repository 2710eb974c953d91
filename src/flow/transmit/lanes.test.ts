import assert from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError } from "../../errors.ts";
import { Dispatcher } from "./dispatcher.ts";
import { bench } from "./testing/bench-of-one.ts";
import { MemoryDeadLetters, MemoryLog, spooled } from "./testing/memory-log.ts";
import { NumberedDestination } from "./testing/numbered-destination.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

interface NumberedBench {
  readonly clock: VirtualClock;
  readonly destination: NumberedDestination;
  readonly deadLetters: MemoryDeadLetters;
  readonly notices: string[];
  log: MemoryLog;
  dispatcher: Dispatcher;
  /** Kills the process; the next one works on what it left. */
  restart(): void;
  drained(): Promise<void>;
}

function numberedBench(inFlightMax = 100, maxRate: number | null = null): NumberedBench {
  const clock = new VirtualClock();
  const destination = new NumberedDestination(clock);
  const deadLetters = new MemoryDeadLetters();
  const notices: string[] = [];
  const begin = (log: MemoryLog): Dispatcher =>
    new Dispatcher({
      log,
      deadLetters,
      driver: destination.driver,
      options: {},
      inFlightMax,
      maxRate,
      notice: (text) => notices.push(text),
      clock,
      random: () => 1,
    });
  const log = new MemoryLog();
  return {
    clock,
    destination,
    deadLetters,
    notices,
    log,
    dispatcher: begin(log),
    restart() {
      destination.cut();
      this.log = this.log.crash();
      this.dispatcher = begin(this.log);
      this.dispatcher.start();
    },
    drained() {
      return clock.until(() => this.log.unconfirmedCount === 0);
    },
  };
}

function message(number: number, topic: string): ReturnType<typeof spooled> {
  return { ...spooled(number), topic };
}

test("a topic that is missing delays no other, however much waits for it, and is sent in order once it is there", async () => {
  const at = numberedBench();
  let isMissing = true;
  at.destination.topicError = (topic) => (topic === "missing" && isMissing ? new SidestreamError("SST_TOPIC_MISSING", "scripted") : null);
  at.log.append(...numbers(1, 900).map((number) => message(number, number % 3 === 0 ? "there" : "missing")));
  at.dispatcher.start();
  await at.clock.advance(120_000);
  assert.equal(at.destination.arrived.length, 300);
  const status = at.dispatcher.status();
  assert.deepEqual(status.blocked, [{ lane: "missing", code: "SST_TOPIC_MISSING", message: "scripted" }]);
  assert.equal(status.oldestUnsentMs, 120_000);
  assert.equal(status.inFlight, 0);
  at.log.append(message(901, "there"), message(902, "missing"));
  await at.clock.advance(100);
  assert.equal(at.destination.arrived.length, 301);
  isMissing = false;
  await at.drained();
  const sequences = at.destination.arrived.filter(({ topic }) => topic === "missing").map(({ sequence }) => sequence);
  assert.deepEqual(sequences, [...numbers(1, 900).filter((number) => number % 3 !== 0), 902]);
  assert.equal(at.dispatcher.status().lanesBlocked, 0);
});

test("a destination of which no topic can be written to is down", async () => {
  const at = numberedBench();
  at.destination.topicError = () => new SidestreamError("SST_TOPIC_MISSING", "scripted");
  at.log.append(message(1, "missing"));
  const states: string[] = [];
  at.dispatcher.onState((state) => states.push(state));
  at.dispatcher.start();
  await at.clock.advance(60_000);
  assert.equal(at.dispatcher.status().state, "down");
  at.destination.topicError = () => null;
  await at.drained();
  assert.deepEqual(states, ["down", "up"]);
});

test("a message that can have no lane is dead, and the next of its topic is asked for itself", async () => {
  const at = numberedBench();
  let refusals = 2;
  at.destination.topicError = (topic) => (topic === "a b" && refusals-- > 0 ? new SidestreamError("SST_TOPIC_INVALID", "scripted") : null);
  at.log.append(message(1, "a b"), message(2, "good"), message(3, "a b"), message(4, "a b"));
  at.dispatcher.start();
  await at.drained();
  assert.deepEqual(
    at.deadLetters.letters.map(({ message: { logSequence }, code }) => [logSequence, code]),
    [
      [1, "SST_TOPIC_INVALID"],
      [3, "SST_TOPIC_INVALID"],
    ],
  );
  assert.deepEqual(
    at.destination.arrived.map(({ sequence }) => sequence),
    [2, 4],
  );
  assert.deepEqual(
    at.log.confirmations.filter(({ outcome }) => outcome === "dead").map(({ lane }) => lane),
    [null, null],
  );
});

test("numbers go on after a restart from where the cursor has them, and what the destination has is not sent again", async () => {
  const at = numberedBench();
  at.log.append(...numbers(1, 10).map((number) => message(number, "topic1")));
  at.dispatcher.start();
  await at.drained();
  assert.deepEqual(at.log.lanePosition("topic1/1"), { number: 10, position: "at 10" });
  at.destination.faults.push("lost-after");
  at.log.append(...numbers(11, 15).map((number) => message(number, "topic1")));
  await at.clock.settle();
  at.restart();
  await at.drained();
  assert.deepEqual(
    at.destination.arrived.map(({ sequence }) => sequence),
    numbers(1, 15),
  );
  assert.deepEqual(at.log.lanePosition("topic1/1"), { number: 15, position: "at 15" });
  assert.deepEqual(at.notices, []);
});

test("a message that an earlier process set aside is dead, not sent, and its number is its successor's", async () => {
  const at = numberedBench();
  at.destination.isRefused = ({ sequence }) => sequence === 2;
  at.log.append(...numbers(1, 3).map((number) => message(number, "topic1")));
  const confirming = Promise.withResolvers<void>();
  at.log.beforeConfirm = () => confirming.promise;
  at.dispatcher.start();
  await at.clock.advance(10);
  assert.equal(at.log.skipCode(2), "SST_DESTINATION_REFUSED");
  at.destination.isRefused = () => false;
  at.restart();
  await at.drained();
  assert.deepEqual(
    at.destination.arrived.map(({ sequence }) => sequence),
    [1, 3],
  );
  assert.deepEqual(
    at.log.confirmations.filter(({ outcome }) => outcome === "dead").map(({ logSequence, reason }) => [logSequence, reason]),
    [[2, "SST_DESTINATION_REFUSED"]],
  );
  assert.equal(at.deadLetters.letters.length, 1);
});

test("numbers at the destination that this log never sent stop the lane instead of losing messages", async () => {
  const at = numberedBench();
  at.log.append(message(1, "topic1"), message(2, "topic1"));
  at.dispatcher.start();
  await at.drained();
  // The data folder is put back from an older copy, and the program restarts before it meets the destination.
  const restored = new MemoryLog([message(1, "topic1")]);
  await restored.memory.set("topic/topic1", true);
  await restored.maySend("topic1/1", 1);
  restored.append(message(7, "topic1"));
  const earlier = restored.crash();
  at.destination.cut();
  at.log = earlier;
  const parts = { log: earlier, deadLetters: at.deadLetters, driver: at.destination.driver, options: {}, inFlightMax: 10, clock: at.clock };
  const dispatcher = new Dispatcher(parts);
  dispatcher.start();
  earlier.append(message(9, "topic1"));
  await at.clock.advance(60_000);
  assert.equal(dispatcher.status().blocked[0]?.code, "SST_IDENTITY_CHANGED");
  assert.deepEqual(
    earlier.confirmations.map(({ logSequence }) => logSequence),
    [1],
  );
});

test("what one lane sent says nothing of another that stopped, also after a restart", async () => {
  const at = numberedBench();
  at.log.append({ ...message(1, "topic1"), key: "a" }, { ...message(2, "topic1"), key: "d" });
  at.dispatcher.start();
  await at.drained();
  const lanes = new Set(at.log.confirmations.map(({ lane }) => lane));
  assert.equal(lanes.size, 2);
  // An older copy of the log: it has the topic, and nothing was sent.
  const copy = new MemoryLog([{ ...message(5, "topic1"), key: "a" }]);
  await copy.memory.set("topic/topic1", true);
  at.destination.cut();
  at.log = copy;
  const begin = (log: MemoryLog): Dispatcher => {
    const parts = { log, deadLetters: at.deadLetters, driver: at.destination.driver, options: {}, inFlightMax: 10, clock: at.clock };
    const dispatcher = new Dispatcher(parts);
    dispatcher.start();
    return dispatcher;
  };
  begin(copy);
  await at.clock.advance(5_000);
  await copy.maySend("topic1/other", 5);
  at.destination.cut();
  const again = copy.crash();
  const dispatcher = begin(again);
  await at.clock.advance(60_000);
  assert.deepEqual(
    dispatcher.status().blocked.map(({ code }) => code),
    ["SST_IDENTITY_CHANGED"],
  );
  assert.deepEqual(again.confirmations, []);
});

test("a message that is being set aside is not asked about again when the reader goes back", async () => {
  const at = numberedBench();
  const adding = Promise.withResolvers<void>();
  at.deadLetters.beforeAdd = () => adding.promise;
  let isMissing = true;
  at.destination.topicError = (topic) => {
    if (topic === "a b") return new SidestreamError("SST_TOPIC_INVALID", "scripted");
    return topic === "missing" && isMissing ? new SidestreamError("SST_TOPIC_MISSING", "scripted") : null;
  };
  at.log.append(message(1, "missing"), message(2, "a b"), message(3, "there"));
  at.dispatcher.start();
  await at.clock.advance(1_000);
  isMissing = false;
  await at.clock.advance(5_000);
  adding.resolve();
  await at.drained();
  at.destination.topicError = () => null;
  at.log.append(message(4, "a b"));
  await at.drained();
  assert.deepEqual(
    at.destination.arrived.map(({ sequence }) => sequence).toSorted((a, b) => a - b),
    [1, 3, 4],
  );
});

test("a destination that forgot its numbers with something under way is told, and it is sent again", async () => {
  const at = numberedBench();
  at.log.append(message(1, "topic1"));
  at.dispatcher.start();
  await at.drained();
  at.destination.forget();
  at.restart();
  at.log.append(message(2, "topic1"));
  await at.drained();
  assert.deepEqual(at.notices, [], "nothing was under way");
  at.destination.faults.push("forgotten-after");
  at.log.append(message(3, "topic1"));
  await at.drained();
  assert.match(at.notices.join(), /no longer knows what it has of lane topic1\/1/);
  assert.deepEqual(
    at.destination.arrived.map(({ sequence }) => sequence),
    [1, 2, 3, 3],
  );
});

test("sending keeps to its rate after an outage", async () => {
  const at = bench({ messageCount: 1000, maxRate: 100 });
  at.dispatcher.start();
  await at.clock.advance(1_000);
  const arrived = at.destination.arrived.length;
  assert(arrived >= 100 && arrived <= 115, `${arrived} in the first second`);
  await at.clock.advance(4_000);
  assert(at.destination.arrived.length <= 515);
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, numbers(1, 1000));
  await at.end();
});

test("with too much scattered above what is stuck, reading waits instead of letting the cursor grow", async () => {
  const at = numberedBench();
  at.destination.topicError = (topic) => (topic === "missing" ? new SidestreamError("SST_TOPIC_MISSING", "scripted") : null);
  at.log.append(message(1, "missing"));
  at.dispatcher.start();
  await at.clock.advance(1_000);
  Object.defineProperty(at.log, "scattered", { value: 20_000 });
  at.log.append(message(2, "there"), message(3, "missing"));
  await at.clock.advance(60_000);
  assert.equal(at.destination.arrived.length, 0);
  // What was left is gone back for first: without it nothing would ever become less scattered.
  at.destination.topicError = () => null;
  await at.drained();
  assert.deepEqual(
    at.destination.arrived.map(({ sequence }) => sequence).toSorted((a, b) => a - b),
    [1, 2, 3],
  );
});

test("a topic that waits for somebody is told once, also while others get on", async () => {
  const at = numberedBench();
  const told: string[] = [];
  at.dispatcher.onState((state, lastError) => told.push(`${state} ${lastError?.code ?? ""}`));
  let isMissing = true;
  at.destination.topicError = (topic) => (topic === "missing" && isMissing ? new SidestreamError("SST_TOPIC_MISSING", "scripted") : null);
  at.log.append(message(1, "there"));
  at.dispatcher.start();
  await at.drained();
  at.log.append(...numbers(2, 300).map((number) => message(number, number % 2 === 0 ? "missing" : "there")));
  await at.clock.advance(60_000);
  assert.deepEqual(told, ["blocked SST_TOPIC_MISSING"]);
  assert.equal(at.dispatcher.status().state, "up");
  isMissing = false;
  await at.drained();
  assert.deepEqual(told, ["blocked SST_TOPIC_MISSING"]);
});
