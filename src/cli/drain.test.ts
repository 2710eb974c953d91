import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openControlSocket } from "../admin/control-socket.ts";
import type { Draining } from "../flow/drain-act.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { temporaryFolder } from "../flow/spool/testing/fixtures.ts";
import { runDrain } from "./drain.ts";
import { RecordedOutput } from "./testing/orphaned-log.ts";

const UP: Draining = {
  destination: "kafka1",
  mark: 100,
  left: 10,
  state: "up",
  dormant: false,
  held: null,
  stopped: null,
  lastError: null,
  lanesBlocked: 0,
  blocked: [],
};
const lane = (code: string) => ({ lanesBlocked: 2, blocked: [{ lane: "things 0", code, message: "no" }] });

/** A program that answers so, the last answer for good. */
async function drain(t: TestContext, answers: readonly (readonly Draining[])[], timeoutMs = 600_000, json = false) {
  const data = temporaryFolder(t);
  const lock = await lockDataFolder(data);
  t.after(() => lock.release());
  const asked: unknown[] = [];
  const listener = await openControlSocket(data, (_command, payload) =>
    Promise.resolve(answers[Math.min(asked.push(payload), answers.length) - 1]),
  );
  t.after(() => listener.close());
  let nowMs = 0;
  const clock = { now: () => nowMs, wait: (milliseconds: number) => Promise.resolve((nowMs += milliseconds)) };
  const out = new RecordedOutput(true);
  const status = await runDrain({ destination: null, data, timeoutMs, json }, out, clock);
  return { status, out, asked, afterMs: nowMs };
}

test("it waits for what was accepted up to the first look, and tells how far it is", async (t) => {
  const { status, out, asked } = await drain(t, [[UP], [{ ...UP, left: 6 }], [{ ...UP, left: 0 }]]);
  equal(status, 0);
  deepEqual(asked, [
    { destination: null, marks: null },
    { destination: null, marks: { kafka1: 100 } },
    { destination: null, marks: { kafka1: 100 } },
  ]);
  match(out.error, /draining: kafka1: 10 left, 0\/s/);
  match(out.out, /^kafka1 +0 +drained\nAll that was accepted up to the call is delivered, dead or dropped\.$/m);
});

test("when the time is over it ends with 75, and says what it waited for", async (t) => {
  const { status, out, afterMs } = await drain(
    t,
    [[{ ...UP, state: "down", lastError: { code: "SST_DESTINATION_UNREACHABLE", message: "no broker", atMs: 1 } }]],
    60_000,
  );
  deepEqual([status, afterMs], [75, 60_000]);
  match(
    out.out,
    /^kafka1 +10 +down: SST_DESTINATION_UNREACHABLE: no broker\n10 messages wait in the spool, and nothing of it is lost\. The time is over/m,
  );
});

test("a destination that is held, dormant or stopped ends it with 1, once the others are drained", async (t) => {
  const held = { ...UP, destination: "held", state: null, held: { user: "ada", sinceMs: 0, reason: "new disks" } };
  const dormant = { ...UP, destination: "dormant", state: null, dormant: true, left: 0 };
  const stopped = { ...UP, destination: "stopped", state: null, stopped: "its log stopped" };
  const { status, out } = await drain(
    t,
    [
      [UP, held, dormant, stopped],
      [{ ...UP, left: 0 }, held, dormant, stopped],
    ],
    600_000,
    true,
  );
  equal(status, 1);
  deepEqual(JSON.parse(out.out), {
    drained: false,
    destinations: [
      { destination: "kafka1", left: 0, stuck: false, why: null },
      { destination: "held", left: 10, stuck: true, why: "held by ada: new disks" },
      { destination: "dormant", left: 0, stuck: false, why: null },
      { destination: "stopped", left: 10, stuck: true, why: "its log stopped" },
    ],
  });
});

test("a lane that waits for somebody ends it once nothing gets on any more; one that waits for a broker doesn't", async (t) => {
  const person = { ...UP, ...lane("SST_TOPIC_MISSING") };
  const stuck = await drain(t, [[person], [{ ...person, left: 8 }]]);
  deepEqual([stuck.status, stuck.afterMs], [1, 5_500]);
  match(stuck.out.out, /^kafka1 +8 +lane things 0 is blocked: SST_TOPIC_MISSING: no, and 1 lane more$/m);
  match(stuck.out.out, /doesn't get on without somebody/);
  equal((await drain(t, [[{ ...UP, ...lane("SST_DESTINATION_UNREACHABLE") }], [{ ...UP, left: 0 }]])).status, 0);
});

test("without a program it is told that nothing is delivered", async (t) => {
  const data = temporaryFolder(t);
  const options = { destination: null, data, timeoutMs: 1_000, json: false };
  await rejects(runDrain(options, new RecordedOutput()), { code: "SST_DATA_MISSING" });
  (await lockDataFolder(data)).release();
  await rejects(runDrain(options, new RecordedOutput()), { code: "SST_STATUS_UNREACHABLE", message: /nothing is delivered/ });
});
