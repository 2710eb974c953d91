/** What an operator sees and decides, from the memory alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ContractMemory } from "../../driver/contract/contract-memory.ts";
import { Found } from "./found.ts";
import { kafkaIdentity } from "./identity.ts";
import { meetCluster } from "./meet-cluster.ts";
import { foundIn } from "./memory-records.ts";

async function used(): Promise<ContractMemory> {
  const memory = new ContractMemory();
  await memory.set("cluster", { id: "first" });
  await memory.set("producer", { id: "9007199254740993", epoch: 0 });
  await memory.set("topic/users", {
    id: "U1",
    counts: [
      [0, 1],
      [70, 6],
    ],
  });
  await memory.set("topic/orders", { id: null, counts: [[0, 3]] });
  await memory.set("lane/users/0", { epoch: 1, base: 5 });
  await memory.set("another driver's", 1);
  return memory;
}

test("an identity that nobody met yet is shown as such", () => {
  assert.deepEqual(kafkaIdentity.show(new ContractMemory()), [
    ["cluster", "not met yet"],
    ["producer", "none yet"],
    ["lanes numbered anew", "0"],
  ]);
});

test("cluster, producer and topics are shown, and what was found in their place", async () => {
  const memory = await used();
  await memory.set("found", { cluster: "second", topics: { orders: { id: "O2", partitions: 2 } } });
  assert.deepEqual(kafkaIdentity.show(memory), [
    ["cluster", "first"],
    ["cluster found instead", "second"],
    ["producer", "9007199254740993, epoch 0"],
    ["lanes numbered anew", "1"],
    ["topic orders", "without an id, 3 partitions"],
    ["topic orders found instead", "O2, 2 partitions"],
    ["topic users", "U1, 1 partition, 6 from message 70 on"],
  ]);
});

test("accepting another cluster forgets who we were there, and its topics", async () => {
  const memory = await used();
  await memory.set("found", { cluster: "second" });
  await memory.change(kafkaIdentity.accept(memory));
  assert.deepEqual(memory.names(), ["another driver's"]);
});

test("accepting a topic that was made anew forgets that topic alone", async () => {
  const memory = await used();
  await memory.set("found", { topics: { users: { id: "U2", partitions: 6 } } });
  await memory.change(kafkaIdentity.accept(memory));
  assert.deepEqual(memory.names().toSorted(), ["another driver's", "cluster", "lane/users/0", "producer", "topic/orders"]);
});

test("where nothing changed there is nothing to accept", async () => {
  assert.deepEqual(kafkaIdentity.accept(await used()), []);
});

test("a reset forgets all that is ours", async () => {
  const memory = await used();
  await memory.change(kafkaIdentity.reset(memory));
  assert.deepEqual(memory.names(), ["another driver's"]);
});

test("the first cluster is taken, another one refused and noted, the first one again is well", async () => {
  const memory = new ContractMemory();
  const found = new Found(memory);
  await meetCluster("kafka1", "first", memory, found);
  assert.deepEqual(memory.get("cluster"), { id: "first" });
  await assert.rejects(meetCluster("kafka1", "second", memory, found), { code: "SST_IDENTITY_CHANGED" });
  assert.deepEqual(foundIn(memory), { cluster: "second" });
  const later = new Found(memory);
  await meetCluster("kafka1", "first", memory, later);
  await later.settled;
  assert.deepEqual(foundIn(memory), {});
});

test("what was found is noted no further than a bound, and its loss harms nobody", async () => {
  const memory = new ContractMemory();
  const found = new Found(memory);
  for (let topic = 0; topic < 150; topic += 1) found.topicChanged(`topic${topic}`, { id: null, partitions: 1 });
  await found.settled;
  assert.equal(Object.keys(foundIn(memory).topics ?? {}).length, 100);
  memory.set = async () => {
    throw new Error("the disk failed");
  };
  found.topicIsWell("topic7");
  await found.settled;
});
