/** The short form of the fault run; docs/faults.md tells of the long one. */
import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { guarantee } from "../guarantees.ts";
import { seeded } from "../system/support/random.ts";
import { outcomeText } from "./report.ts";
import { faultRun } from "./run.ts";
import { SHORT } from "./size.ts";
import { BROKER_PROPERTIES } from "./stage.ts";
import { verdictOf } from "./verdict.ts";

guarantee(
  {
    failure: "network-cut",
    delivery: ["exactly-once"],
    to: "Kafka",
    test: "exactly once, under kills, cuts, stops and a full disk, each at its moment: nothing is lost, doubled or out of order",
    lost: "nothing",
    doubled: "nothing",
    todo: "nothing; it asks what has arrived and goes on from there",
  },
  {
    failure: "disk-full",
    delivery: ["exactly-once"],
    to: "Kafka",
    test: "exactly once, under kills, cuts, stops and a full disk, each at its moment: nothing is lost, doubled or out of order",
    lost: "nothing that was accepted",
    doubled: "nothing, also where it is killed and started on the full disk",
    todo: "make room; it goes on by itself",
  },
);

test(
  "exactly once, under kills, cuts, stops and a full disk, each at its moment: nothing is lost, doubled or out of order",
  { timeout: 290_000 },
  async (t) => {
    const { seed } = seeded();
    t.diagnostic(`seed ${seed}`);
    await using kafka = await kafkaForTests({ proxied: true, properties: BROKER_PROPERTIES });
    if (kafka.skip !== false) return t.skip(kafka.skip);
    const said: string[] = [];
    const outcome = await faultRun({
      seed,
      nodes: 1,
      delivery: "exactly-once",
      size: SHORT,
      cluster: kafka.cluster,
      // Where a disk can't be mounted all but that is tested.
      host: { after: (work) => t.after(async () => void (await work())), skip: (reason) => t.diagnostic(reason) },
      logFile: null,
      tell: (line) => said.push(line),
    });
    t.diagnostic(outcomeText(outcome));
    deepEqual(verdictOf(outcome), { broken: [], noTest: [] }, `seed ${seed}\n${said.join("\n")}`);
  },
);
