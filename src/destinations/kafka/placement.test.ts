/** Lanes of messages, over new, grown, missing and changed topics. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ContractMemory } from "../../driver/contract/contract-memory.ts";
import type { OutgoingMessage } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import type { KafkaTopic } from "./cluster.ts";
import { Found } from "./found.ts";
import { foundIn, topicIn } from "./memory-records.ts";
import { partitionOf } from "./murmur2.ts";
import { Placement } from "./placement.ts";

const FIRST_ID = "11111111-1111-4111-8111-111111111111";
const OTHER_ID = "22222222-2222-4222-8222-222222222222";
const SIGNAL = new AbortController().signal;

class FakeCluster {
  readonly topics = new Map<string, KafkaTopic>();
  clusterId = "cluster";
  askedCount = 0;

  set(name: string, partitions: number, id: string | null = FIRST_ID): KafkaTopic {
    const topic = { name, id, partitions, batchBytesMax: 1_000_000 };
    this.topics.set(name, topic);
    return topic;
  }

  known(name: string): KafkaTopic | undefined {
    return this.topics.get(name);
  }

  forget(): void {}

  async topic(name: string): Promise<KafkaTopic> {
    this.askedCount += 1;
    const topic = this.topics.get(name);
    if (topic === undefined) throw new SidestreamError("SST_TOPIC_MISSING", name);
    return topic;
  }
}

interface Given {
  readonly memory: ContractMemory;
  readonly cluster: FakeCluster;
  readonly found: Found;
  readonly notices: string[];
  open(): Placement;
}

function given(): Given {
  const memory = new ContractMemory();
  const cluster = new FakeCluster();
  const found = new Found(memory);
  const notices: string[] = [];
  const notice = (text: string): number => notices.push(text);
  return {
    memory,
    cluster,
    found,
    notices,
    open: () => new Placement({ name: "kafka1", memory, cluster, found, notice, signal: SIGNAL }),
  };
}

function message(key: string, sequence: number, topic = "users"): OutgoingMessage {
  return { topic, key, headers: [], value: Buffer.alloc(0), sequence };
}

test("a lane is the partition of the key, and is told once the topic is on disk", async () => {
  const { memory, cluster, open } = given();
  cluster.set("users", 6);
  const placement = open();
  memory.hold();
  const asked = placement.lane(message("diku/42", 1));
  assert(asked instanceof Promise);
  assert.equal(topicIn(memory, "users"), null);
  memory.release();
  assert.equal(await asked, `users/${partitionOf("diku/42", 6)}`);
  assert.deepEqual(topicIn(memory, "users"), { id: FIRST_ID, counts: [[0, 6]] });
  assert.equal(placement.lane(message("diku/42", 2)), `users/${partitionOf("diku/42", 6)}`);
});

test("after a restart a lane follows from the memory alone, without asking the cluster", async () => {
  const { cluster, open } = given();
  cluster.set("users", 6);
  const before = await open().lane(message("diku/42", 1));
  cluster.topics.clear();
  assert.equal(open().lane(message("diku/42", 1)), before);
  assert.equal(cluster.askedCount, 1);
});

test("messages that were in the log keep their lane when a topic gets more partitions, later ones spread over all", async () => {
  const { memory, cluster, notices, open } = given();
  cluster.set("users", 2);
  const placement = open();
  const keys = Array.from({ length: 50 }, (_, index) => `key${index}`);
  await placement.lane(message("first", 1));
  memory.nextSequence = 2_000;
  placement.changed(cluster.set("users", 5));
  await placement.verified("users", SIGNAL);
  const old = keys.map((key) => placement.lane(message(key, 1_999)));
  assert.deepEqual(
    old,
    keys.map((key) => `users/${partitionOf(key, 2)}`),
  );
  const young = keys.map((key) => placement.lane(message(key, 2_000)));
  assert.deepEqual(
    young,
    keys.map((key) => `users/${partitionOf(key, 5)}`),
  );
  assert.deepEqual(topicIn(memory, "users")?.counts, [
    [0, 2],
    [2_000, 5],
  ]);
  assert.equal(notices.length, 1);
  assert.equal(open().lane(message("key7", 1_999)), `users/${partitionOf("key7", 2)}`);
  assert.equal(open().lane(message("key7", 2_001)), `users/${partitionOf("key7", 5)}`);
});

test("partitions that could not be put on disk are not used, and taken on when they can be", async () => {
  const { memory, cluster, open } = given();
  cluster.set("users", 2);
  const placement = open();
  await placement.lane(message("first", 1));
  memory.nextSequence = 10;
  cluster.set("users", 5);
  const set = memory.set.bind(memory);
  memory.set = async () => {
    throw new SidestreamError("SST_SPOOL_IO", "the disk failed");
  };
  await assert.rejects(placement.verified("users", SIGNAL), { code: "SST_SPOOL_IO" });
  memory.nextSequence = 20;
  assert.equal(placement.lane(message("key7", 12)), `users/${partitionOf("key7", 2)}`);
  memory.set = set;
  await placement.verified("users", SIGNAL);
  assert.equal(placement.lane(message("key7", 12)), `users/${partitionOf("key7", 2)}`);
  assert.equal(placement.lane(message("key7", 20)), `users/${partitionOf("key7", 5)}`);
  assert.deepEqual(topicIn(memory, "users")?.counts, [
    [0, 2],
    [20, 5],
  ]);
});

test("a topic that is missing is asked for again", async () => {
  const { cluster, open } = given();
  const placement = open();
  await assert.rejects(async () => placement.lane(message("k", 1)), { code: "SST_TOPIC_MISSING" });
  cluster.set("users", 1);
  assert.equal(await placement.lane(message("k", 1)), "users/0");
});

for (const [what, partitions, id] of [
  ["was made anew", 2, OTHER_ID],
  ["has fewer partitions", 1, FIRST_ID],
] as const)
  test(`a topic that ${what} stops alone, until an operator accepts it`, async () => {
    const { memory, cluster, found, open } = given();
    cluster.set("users", 2);
    cluster.set("orders", 2, OTHER_ID);
    const placement = open();
    await placement.lane(message("k", 1));
    await placement.lane(message("k", 2, "orders"));
    placement.changed(cluster.set("users", partitions, id));
    await assert.rejects(placement.verified("users", SIGNAL), { code: "SST_IDENTITY_CHANGED" });
    assert.equal(placement.lane(message("k", 3)), `users/${partitionOf("k", 2)}`, "where its messages went is known all the same");
    assert.equal(placement.lane(message("k", 4, "orders")), `orders/${partitionOf("k", 2)}`);
    assert.equal((await placement.verified("orders", SIGNAL)).partitions, 2);
    await found.settled;
    assert.deepEqual(foundIn(memory), { topics: { users: { id, partitions } } });
    await memory.set("topic/users", null);
    // An operator's decision opens the connection anew.
    const again = open();
    assert.equal(await again.lane(message("k", 5)), `users/${partitionOf("k", partitions)}`);
    assert.equal((await again.verified("users", SIGNAL)).id, id);
    await found.settled;
    assert.deepEqual(foundIn(memory), {});
    assert.deepEqual(topicIn(memory, "users"), { id, counts: [[0, partitions]] });
  });

test("a topic that is again what it was goes on by itself", async () => {
  const { memory, cluster, found, open } = given();
  cluster.set("users", 2);
  const placement = open();
  await placement.lane(message("k", 1));
  cluster.set("users", 2, OTHER_ID);
  await assert.rejects(placement.verified("users", SIGNAL), { code: "SST_IDENTITY_CHANGED" });
  cluster.set("users", 2);
  assert.equal((await placement.verified("users", SIGNAL)).id, FIRST_ID);
  await found.settled;
  assert.deepEqual(foundIn(memory), {});
});

test("every topic stops when the brokers are another cluster's", async () => {
  const { memory, cluster, found, open } = given();
  await memory.set("cluster", { id: "cluster" });
  const topic = cluster.set("users", 2);
  const placement = open();
  await placement.lane(message("k", 1));
  cluster.clusterId = "another";
  placement.changed(topic);
  await new Promise(setImmediate);
  await assert.rejects(placement.verified("users", SIGNAL), { code: "SST_IDENTITY_CHANGED" });
  await found.settled;
  assert.deepEqual(foundIn(memory), { cluster: "another" });
});

test("an id that a topic gets by an upgrade of its brokers is taken", async () => {
  const { memory, cluster, open } = given();
  cluster.set("users", 2, null);
  const placement = open();
  await placement.lane(message("k", 1));
  cluster.set("users", 2, FIRST_ID);
  await placement.verified("users", SIGNAL);
  assert.deepEqual(topicIn(memory, "users"), { id: FIRST_ID, counts: [[0, 2]] });
});

test("a change that another broker doesn't know of yet isn't taken for another topic", async () => {
  const { cluster, open } = given();
  const before = cluster.set("users", 2);
  const placement = open();
  await placement.lane(message("k", 1));
  const grown = cluster.set("users", 5);
  placement.changed(grown);
  placement.changed(before);
  assert.equal((await placement.verified("users", SIGNAL)).partitions, 5);
});
