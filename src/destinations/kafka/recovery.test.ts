/** What is told of a lane, for all that a leader and its log can say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LanePosition, LaneRecovery } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import type { Broker } from "./cluster.ts";
import type { LaneIdentity } from "./lane-numbers.ts";
import type { BatchHead, LogEnd, LogPage, ProducerState } from "./partition-log.ts";
import { Recovery, type LeaderLog } from "./recovery.ts";

const TOPIC = { name: "users", id: "U1", partitions: 1, batchBytesMax: 1_000_000 };
const IDENTITY: LaneIdentity = { producerId: 7n, epoch: 2, base: 100, position: null };

/** A log of batches of ten messages each, one by us in every two. */
class FakeLog implements LeaderLog {
  state: ProducerState | null = null;
  heads: BatchHead[] = [];
  beginOffset = 0n;
  highWatermark = 0n;
  leaderEndOffset = 0n;
  leaderEpoch = 4;
  /** Called when it is asked for its end. */
  onEnd: () => void = () => {};
  /** Called when somebody waits for its replicas. */
  onFollow: () => void = () => {};
  readCount = 0;
  followCount = 0;

  async producer(producerId: bigint): Promise<ProducerState | null> {
    assert.equal(producerId, IDENTITY.producerId);
    return this.state;
  }

  async end(): Promise<LogEnd> {
    this.onEnd();
    return { highWatermark: this.highWatermark, leaderEpoch: this.leaderEpoch };
  }

  async leaderEnd(leaderEpoch: number): Promise<bigint> {
    if (leaderEpoch !== this.leaderEpoch) throw new SidestreamError("SST_LANE_UNAVAILABLE", "another leader");
    return this.leaderEndOffset;
  }

  async follow(highWatermark: bigint, leaderEpoch: number): Promise<bigint> {
    assert.deepEqual([highWatermark, leaderEpoch], [this.highWatermark, this.leaderEpoch]);
    this.followCount += 1;
    this.onFollow();
    return this.highWatermark;
  }

  async read(fromOffset: bigint): Promise<LogPage | null> {
    this.readCount += 1;
    if (fromOffset < this.beginOffset || fromOffset > this.highWatermark) return null;
    const heads = this.heads.filter(({ endOffset }) => endOffset > fromOffset && endOffset <= this.highWatermark).slice(0, 2);
    return { heads, bytes: heads.length * 1_000, highWatermark: this.highWatermark };
  }
}

function head(endOffset: bigint, changes: Partial<BatchHead> = {}): BatchHead {
  return { producerId: 99n, epoch: 2, lastSequence: 0, endOffset, ...changes };
}

interface Asked {
  readonly answer: LaneRecovery;
  readonly forgotten: readonly string[];
}

async function ask(log: FakeLog, last: LanePosition, identity: LaneIdentity = IDENTITY, agrees = true): Promise<Asked> {
  const forgotten: string[] = [];
  const recovery = new Recovery({
    cluster: {
      leader: async () => ({}) as Broker,
      forget: (topic) => forgotten.push(topic),
      agreesOnLeader: async () => agrees,
    },
    placement: { verified: async () => TOPIC },
    numbers: { of: () => identity },
    log: () => log,
  });
  try {
    return { answer: await recovery.recover("users/0", last, AbortSignal.timeout(60_000)), forgotten };
  } catch (error) {
    assert.deepEqual(forgotten, ["users"], "what the cluster is known to be is looked at again after a failure");
    throw error;
  }
}

test("where the leader has what was acknowledged, nothing else is asked", async () => {
  const log = new FakeLog();
  log.state = { epoch: 2, lastSequence: 19 };
  log.onEnd = () => assert.fail("its end is not asked for");
  const last = { number: 120, position: "U1:500" };
  assert.deepEqual((await ask(log, last)).answer, last);
  assert.equal(log.readCount, 0);
});

test("what the leader has beyond is told once the replicas have it", async () => {
  const log = new FakeLog();
  log.state = { epoch: 2, lastSequence: 49 };
  log.highWatermark = 510n;
  log.leaderEndOffset = 530n;
  log.onFollow = () => (log.highWatermark += 10n);
  assert.deepEqual((await ask(log, { number: 120, position: "U1:500" })).answer, { number: 150, position: "U1:530" });
  assert.equal(log.followCount, 2);
});

test("what the leader said as an earlier leader counts for nothing", async () => {
  const log = new FakeLog();
  log.state = { epoch: 2, lastSequence: 49 };
  log.onEnd = () => (log.state = { epoch: 2, lastSequence: 19 });
  assert.deepEqual((await ask(log, { number: 120, position: "U1:500" })).answer, { number: 120, position: "U1:500" });
});

test("when the leader changes while its replicas follow, nothing is told", async () => {
  const log = new FakeLog();
  log.state = { epoch: 2, lastSequence: 49 };
  log.onEnd = () => setImmediate(() => (log.leaderEpoch = 5));
  log.producer = async () => {
    await new Promise(setImmediate);
    return { epoch: 2, lastSequence: 49 };
  };
  await assert.rejects(ask(log, { number: 120, position: "U1:500" }), { code: "SST_LANE_UNAVAILABLE" });
});

test("replicas that don't follow in time are told as such", async (context) => {
  context.mock.timers.enable({ apis: ["Date"] });
  const log = new FakeLog();
  log.state = { epoch: 2, lastSequence: 49 };
  log.highWatermark = 510n;
  log.leaderEndOffset = 530n;
  log.onFollow = () => context.mock.timers.tick(1_000);
  await assert.rejects(ask(log, { number: 120, position: "U1:500" }), { code: "SST_LANE_UNAVAILABLE" });
  assert.equal(log.followCount, 10);
});

test("a leader that has less than was acknowledged lost it", async () => {
  const log = new FakeLog();
  log.state = { epoch: 2, lastSequence: 9 };
  assert.equal((await ask(log, { number: 120, position: "U1:500" })).answer.number, 110);
});

test("a leader that has less, and that nobody else takes for the leader, may be one that was cut off", async () => {
  const log = new FakeLog();
  log.state = { epoch: 2, lastSequence: 9 };
  await assert.rejects(ask(log, { number: 120, position: "U1:500" }, IDENTITY, false), { code: "SST_LANE_UNAVAILABLE" });
});

test("under an older epoch there is nothing of this one", async () => {
  const log = new FakeLog();
  log.state = { epoch: 1, lastSequence: 5_000 };
  assert.equal((await ask(log, { number: 100, position: "U1:500" })).answer.number, 100);
  assert.equal((await ask(log, { number: 120, position: "U1:500" })).answer.number, 100, "what was acknowledged under it is lost");
  assert.equal((await ask(log, { number: 80, position: "U1:300" })).answer.number, 100, "a cursor from before it is behind");
});

test("a newer epoch is another copy of the spool", async () => {
  const log = new FakeLog();
  log.state = { epoch: 3, lastSequence: 0 };
  await assert.rejects(ask(log, { number: 120, position: "U1:500" }), { code: "SST_IDENTITY_CHANGED" });
});

test("sequences that began again at 0 are told apart", async () => {
  const log = new FakeLog();
  log.state = { epoch: 0, lastSequence: 3 };
  log.leaderEndOffset = 600n;
  log.highWatermark = 600n;
  const { answer } = await ask(log, { number: 2 ** 31 - 6, position: "U1:500" }, { producerId: 7n, epoch: 0, base: 0, position: null });
  assert.equal(answer.number, 2 ** 31 + 4);
});

test("sequences of numbers before the base are not taken for those behind it", async () => {
  const log = new FakeLog();
  log.highWatermark = 510n;
  log.leaderEndOffset = 510n;
  log.state = { epoch: 2, lastSequence: 2 ** 31 - 98 };
  assert.equal((await ask(log, { number: 3, position: "U1:500" })).answer.number, 3, "3 to 99 never arrived");
  assert.equal((await ask(log, { number: 1, position: "U1:500" })).answer.number, 3);
  log.state = null;
  log.heads = [head(510n, { producerId: 7n, lastSequence: 2 ** 31 - 98 })];
  assert.equal((await ask(log, { number: 1, position: "U1:500" })).answer.number, 3, "nor by the log");
});

test("where the leader forgot, the last own batch behind the position counts", async () => {
  const log = new FakeLog();
  log.highWatermark = 600n;
  const own = { producerId: 7n, epoch: 2 };
  log.heads = [
    head(510n, { ...own, lastSequence: 29 }),
    head(520n),
    head(530n, { ...own, lastSequence: 39 }),
    head(540n, { producerId: 7n, epoch: 1, lastSequence: 900 }),
    head(600n),
  ];
  assert.deepEqual((await ask(log, { number: 120, position: "U1:500" })).answer, { number: 140, position: "U1:530", readBack: true });
});

test("where the leader forgot and nothing of ours follows the position, nothing more arrived", async () => {
  const log = new FakeLog();
  log.highWatermark = 600n;
  log.heads = [head(550n), head(600n)];
  assert.deepEqual((await ask(log, { number: 120, position: "U1:500" })).answer, { number: 120, position: "U1:600", readBack: true });
  assert.equal((await ask(log, { number: 80, position: "U1:500" })).answer.number, 100, "a cursor from before the epoch is behind");
});

for (const [what, position, change] of [
  ["the topic is another one, whose beginning is gone", "U0:500", (log: FakeLog) => (log.beginOffset = 1n)],
  ["the position was deleted", "U1:500", (log: FakeLog) => (log.beginOffset = 501n)],
  ["the log is shorter than the position", "U1:601", () => {}],
  ["there is no position, and the log's beginning is gone", null, (log: FakeLog) => (log.beginOffset = 1n)],
  ["there is no position, and no trace of what was acknowledged", null, () => {}],
] as const)
  test(`where the leader forgot and ${what}, nothing is known`, async () => {
    const log = new FakeLog();
    log.highWatermark = 600n;
    log.heads = [head(550n), head(600n)];
    change(log);
    assert.deepEqual((await ask(log, { number: 120, position })).answer, { number: null, position: "U1:600", readBack: true });
  });

test("where the topic is another one, all of it is looked through, and what isn't there didn't arrive", async () => {
  const log = new FakeLog();
  log.highWatermark = 600n;
  log.heads = [head(550n), head(600n)];
  assert.deepEqual((await ask(log, { number: 120, position: "U0:500" })).answer, { number: 120, position: "U1:600", readBack: true });
  log.heads = [head(550n, { producerId: 7n, epoch: 2, lastSequence: 24 }), head(600n)];
  assert.deepEqual((await ask(log, { number: 120, position: "U0:500" })).answer, { number: 125, position: "U1:550", readBack: true });
});

test("of a lane that was numbered anew, the log counts from where it was numbered anew", async () => {
  const log = new FakeLog();
  log.highWatermark = 600n;
  log.beginOffset = 501n;
  log.heads = [head(550n), head(600n)];
  const identity = { ...IDENTITY, position: "U1:540" };
  const answer = { number: 120, position: "U1:600", readBack: true };
  assert.deepEqual((await ask(log, { number: 120, position: "U1:500" }, identity)).answer, answer);
  assert.deepEqual((await ask(log, { number: 120, position: null }, identity)).answer, answer);
});

test("a leader that doesn't know yet what its replicas have is asked again", async () => {
  const log = new FakeLog();
  log.read = async () => ({ heads: [], bytes: 0, highWatermark: 499n });
  await assert.rejects(ask(log, { number: 120, position: "U1:500" }), { code: "SST_LANE_UNAVAILABLE" });
});

test("reading back has a bound", async () => {
  const log = new FakeLog();
  log.highWatermark = 600n;
  log.heads = [head(550n), head(600n)];
  log.read = async (fromOffset) => ({ heads: [head(fromOffset + 1n)], bytes: 100_000_000, highWatermark: 600n });
  assert.deepEqual((await ask(log, { number: 120, position: "U1:500" })).answer, { number: null, position: "U1:600", readBack: true });
});

test("a new lane in a new topic expects its first number", async () => {
  const identity = { producerId: 7n, epoch: 0, base: 0, position: null };
  assert.deepEqual((await ask(new FakeLog(), { number: 0, position: null }, identity)).answer, {
    number: 0,
    position: "U1:0",
    readBack: true,
  });
});

test("of a lane that was never acknowledged, what the log has counts", async () => {
  const log = new FakeLog();
  log.highWatermark = 600n;
  log.heads = [head(10n, { producerId: 7n, epoch: 0, lastSequence: 9 }), head(600n)];
  const identity = { producerId: 7n, epoch: 0, base: 0, position: null };
  assert.deepEqual((await ask(log, { number: 0, position: null }, identity)).answer, { number: 10, position: "U1:10", readBack: true });
});
