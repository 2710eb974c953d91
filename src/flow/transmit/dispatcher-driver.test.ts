/** What the dispatcher makes of drivers that fail, misbehave, hang or lose their connection. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError, type ErrorCode } from "../../errors.ts";
import { bench } from "./testing/bench-of-one.ts";
import { spooled } from "./testing/memory-log.ts";
import { failFrom, takeAll, type Answer } from "./testing/scripted-destination.ts";

const hang: Answer = () => new Promise(() => {});

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

test("a lost connection is disposed and opened anew", async () => {
  const at = bench({ messageCount: 3 });
  at.destination.script.push(failFrom(0, "SST_DESTINATION_UNREACHABLE"));
  at.dispatcher.start();
  await at.drained();
  assert.equal(at.destination.openCount, 2);
  assert.equal(at.destination.disposeCount, 1);
  assert.deepEqual(at.destination.arrivedSequences, [1, 2, 3]);
  await at.end();
  assert.equal(at.destination.disposeCount, 2);
});

for (const [what, answer] of Object.entries<Answer>({
  throws: async () => {
    throw new Error("a bug");
  },
  "throws at once": () => {
    throw new Error("a bug");
  },
  "answers for too few messages": async () => [],
  "answers for too many messages": async (batch) => [...batch, ...batch].map(() => null),
  "answers with holes": async (batch) => new Array(batch.length),
  "answers with undefined": async (batch) => batch.map(() => undefined) as never,
  "answers with errors of another kind": async (batch) => batch.map(() => new Error("?")) as never,
  "answers with no list": async () => null as never,
})) {
  test(`a driver that ${what} has its batch sent again over a new connection`, async () => {
    const at = bench({ messageCount: 1 });
    at.destination.script.push(answer);
    at.dispatcher.start();
    await at.clock.settle();
    assert.deepEqual(at.log.confirmations, []);
    assert.equal(at.dispatcher.status().lastError?.code, "SST_DESTINATION_UNSURE");
    await at.drained();
    assert.equal(at.dispatcher.status().misbehaved, 1);
    assert.equal(at.destination.openCount, 2);
    assert.equal(at.destination.batches.length, 2);
    await at.end();
  });
}

test("a driver that hangs is told to stop after 30 seconds, and left behind 5 seconds later", async () => {
  const at = bench({ messageCount: 2 });
  let signal: AbortSignal | undefined;
  at.destination.script.push((batch, arrive, given) => {
    signal = given;
    return hang(batch, arrive, given);
  });
  at.dispatcher.start();
  await at.clock.advance(29_999);
  assert.equal(signal?.aborted, false);
  await at.clock.advance(1);
  assert.equal(signal?.aborted, true);
  assert.equal(at.destination.disposeCount, 0);
  await at.clock.advance(5_000);
  assert.equal(at.destination.disposeCount, 1);
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, [1, 2]);
  assert.equal(at.dispatcher.status().misbehaved, 1);
  await at.end();
});

test("an answer that comes after the driver was left behind confirms nothing", async () => {
  const at = bench({ messageCount: 1 });
  const late = Promise.withResolvers<readonly null[]>();
  at.destination.script.push(() => late.promise, hang);
  at.dispatcher.start();
  await at.clock.advance(36_000);
  late.resolve([null]);
  await at.clock.settle();
  assert.deepEqual(at.log.confirmations, []);
  await at.drained();
  await at.end();
});

test("a batch that is too slow for the deadline is halved until it passes", async () => {
  const at = bench();
  at.dispatcher.start();
  await at.clock.settle();
  // 100 ms a message: 500 of them never end in time.
  at.destination.otherwise = (batch, arrive, signal) =>
    new Promise((resolve) => {
      const done = at.clock.after(batch.length * 100, () => resolve(takeAll(batch, arrive, signal)));
      signal.addEventListener("abort", () => {
        done();
        resolve(batch.map(() => new SidestreamError("SST_DESTINATION_UNSURE", "cut off")));
      });
    });
  at.log.append(...numbers(1, 1000).map((number) => spooled(number)));
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, numbers(1, 1000));
  await at.end();
});

test("a destination that can't be opened is shown as down, announced once, and once when it is back", async () => {
  const at = bench({ messageCount: 1 });
  at.destination.beforeOpen = async () => {
    throw new SidestreamError("SST_DESTINATION_UNREACHABLE", "no answer");
  };
  assert.equal(at.dispatcher.status().state, "connecting");
  at.dispatcher.start();
  await at.clock.advance(600_000);
  assert.equal(at.dispatcher.status().state, "down");
  at.destination.beforeOpen = async () => {};
  await at.drained();
  assert.equal(at.dispatcher.status().state, "up");
  assert.deepEqual(
    at.announced.map(({ state, lastError }) => [state, lastError?.code]),
    [
      ["down", "SST_DESTINATION_UNREACHABLE"],
      ["up", "SST_DESTINATION_UNREACHABLE"],
    ],
  );
  await at.end();
});

test("an opening that can't succeed without help is repeated every minute", async () => {
  const at = bench();
  let openings = 0;
  at.destination.beforeOpen = async () => {
    openings += 1;
    throw new SidestreamError("SST_DESTINATION_REFUSED", "no such user");
  };
  at.dispatcher.start();
  await at.clock.advance(10 * 60_000 - 1);
  assert.equal(openings, 10);
  assert.equal(at.dispatcher.status().state, "down");
  await at.end();
});

test("a driver that throws anything while opening is tried again", async () => {
  const at = bench({ messageCount: 1 });
  let failures = 3;
  at.destination.beforeOpen = async () => {
    if (failures-- > 0) throw new TypeError("a bug");
  };
  at.dispatcher.start();
  await at.clock.settle();
  assert.deepEqual(at.dispatcher.status().lastError?.message, "the driver could not open the connection: a bug");
  await at.drained();
  await at.end();
});

test("an opening that hangs is given up, and a connection that it yields later is disposed", async () => {
  const at = bench({ messageCount: 1 });
  const late = Promise.withResolvers<void>();
  at.destination.beforeOpen = () => late.promise;
  at.dispatcher.start();
  await at.clock.advance(35_000);
  assert.equal(at.dispatcher.status().state, "down");
  at.destination.beforeOpen = async () => {};
  await at.drained();
  late.resolve();
  await at.clock.settle();
  assert.equal(at.destination.openCount, 2);
  assert.equal(at.destination.disposeCount, 1);
  await at.end();
});

test("a destination that opens but takes nothing is down after some failures, and announced once", async () => {
  const at = bench({ messageCount: 1 });
  at.destination.otherwise = failFrom(0, "SST_DESTINATION_UNREACHABLE");
  at.dispatcher.start();
  await at.clock.advance(600_000);
  assert.equal(at.dispatcher.status().state, "down");
  assert(at.destination.openCount < 40, `${at.destination.openCount} openings in ten minutes`);
  at.destination.otherwise = takeAll;
  await at.drained();
  assert.deepEqual(
    at.announced.map(({ state }) => state),
    ["down", "up"],
  );
  await at.end();
});

test("when one lane finds the connection lost, the others' sends may end before it is replaced", async () => {
  const at = bench({ lanes: 4 });
  const answer = Promise.withResolvers<void>();
  at.destination.otherwise = async (batch, arrive, signal) => {
    if (batch[0]?.key === "a" && at.destination.openCount === 1) return failFrom(0, "SST_DESTINATION_UNREACHABLE")(batch, arrive, signal);
    if (at.destination.openCount === 1) await answer.promise;
    return takeAll(batch, arrive, signal);
  };
  at.log.append(spooled(1, "d"), spooled(2, "a"));
  at.dispatcher.start();
  await at.clock.advance(1_000);
  assert.equal(at.destination.disposeCount, 0);
  answer.resolve();
  await at.clock.advance(50);
  assert.equal(at.destination.disposeCount, 1);
  await at.drained();
  assert.deepEqual(at.destination.arrivedSequences, [1, 2]);
  await at.end();
});

test("while it is down, each new reason that takes somebody to mend is told once", async () => {
  const at = bench({ messageCount: 1 });
  let code: ErrorCode = "SST_DESTINATION_UNREACHABLE";
  at.destination.beforeOpen = async () => {
    throw new SidestreamError(code, "scripted");
  };
  at.dispatcher.start();
  await at.clock.advance(60_000);
  code = "SST_IDENTITY_CHANGED";
  await at.clock.advance(120_000);
  code = "SST_DESTINATION_UNREACHABLE";
  await at.clock.advance(60_000);
  code = "SST_IDENTITY_CHANGED";
  await at.clock.advance(60_000);
  at.destination.beforeOpen = async () => {};
  await at.drained();
  assert.deepEqual(
    at.announced.map(({ state, lastError }) => [state, state === "down" ? lastError?.code : null]),
    [
      ["down", "SST_DESTINATION_UNREACHABLE"],
      ["down", "SST_IDENTITY_CHANGED"],
      ["up", null],
    ],
  );
  await at.end();
});

test("a refused login is repeated every 15 seconds at most, so that no server locks the user out", async () => {
  const at = bench({ messageCount: 1 });
  let tries = 0;
  at.destination.beforeOpen = async () => {
    tries += 1;
    throw new SidestreamError("SST_DESTINATION_LOGIN", "scripted");
  };
  at.dispatcher.start();
  await at.clock.advance(60_000);
  assert(tries <= 5, `${tries} tries in a minute`);
  await at.end();
});
