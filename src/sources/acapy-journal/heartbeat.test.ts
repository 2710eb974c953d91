import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Silence, type Heartbeat } from "./heartbeat.ts";

const YEAR_MS = 365 * 86_400_000;

function heartbeat(more: Partial<Heartbeat> = {}): Heartbeat {
  return {
    version: 1,
    boot: "b0".repeat(16),
    atMs: Date.now(),
    everyMs: 5_000,
    sequence: 1,
    dropped: {},
    stopped: false,
    notices: [],
    ...more,
  };
}

/** Has the monotonic clock stand where a test says. */
function clock(t: TestContext): (ms: number) => void {
  // Whole, so that sums of it are exact.
  let nowMs = Math.trunc(performance.now());
  t.mock.method(performance, "now", () => nowMs);
  return (ms) => (nowMs += ms);
}

test("how old the first heartbeat is tells its own time, and a time that is still to come is now", () => {
  const [old, early] = [new Silence(), new Silence()];
  old.hear(heartbeat({ atMs: Date.now() - 60_000 }));
  assert.ok((old.ms ?? 0) >= 60_000 && !old.isShort);
  early.hear(heartbeat({ atMs: Date.now() + YEAR_MS }));
  assert.ok((early.ms ?? YEAR_MS) < 60_000 && early.isShort);
});

test("an agent whose clock was a year ahead, or a year behind, is silent once no heartbeat comes", (t) => {
  const pass = clock(t);
  for (const offMs of [YEAR_MS, -YEAR_MS]) {
    const silence = new Silence();
    silence.hear(heartbeat());
    pass(5_000);
    silence.hear(heartbeat({ atMs: Date.now() + offMs }));
    assert.equal(silence.ms, 0);
    pass(15_000);
    silence.hear(heartbeat({ ...silence.heartbeat }));
    assert.ok(silence.isShort);
    pass(1);
    assert.equal(silence.ms, 15_001);
    assert.ok(!silence.isShort);
  }
});

test("an agent that ended cleanly, or was never heard of, is not silent", () => {
  const silence = new Silence();
  assert.deepEqual([silence.ms, silence.isShort], [null, true]);
  silence.hear(heartbeat({ atMs: 0, stopped: true }));
  assert.deepEqual([silence.ms, silence.isShort], [null, true]);
});
