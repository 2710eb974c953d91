import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { RiskNotices } from "./risk-notices.ts";
import { durabilityNotice } from "./topic-settings.ts";

const safe = { batchBytesMax: 1, replicasMin: 2, uncleanElection: false };

test("a topic with three copies, two of them to acknowledge, has no risk to tell of", () => {
  equal(durabilityNotice("orders", 3, 3, safe), null);
});

test("each weak setting is told with what to set", () => {
  match(durabilityNotice("orders", 3, 3, { ...safe, replicasMin: 1 }) ?? "", /orders .*min\.insync\.replicas=1.*set it to 2/);
  match(
    durabilityNotice("orders", 3, 3, { ...safe, uncleanElection: true }) ?? "",
    /unclean\.leader\.election\.enable=true.*set it to false/,
  );
  match(durabilityNotice("orders", 1, 3, { ...safe, replicasMin: 1 }) ?? "", /replication factor 1/);
});

test("with one broker its single copy is told for the cluster and not for each topic", () => {
  equal(durabilityNotice("orders", 1, 1, { ...safe, replicasMin: 1, uncleanElection: true }), null);
  const told: string[] = [];
  new RiskNotices((text) => void told.push(text)).cluster(1);
  new RiskNotices((text) => void told.push(text)).cluster(3);
  equal(told.length, 1);
});

test("each topic is told once, and a thousand weak topics are not a thousand lines", () => {
  const told: string[] = [];
  const notices = new RiskNotices((text) => void told.push(text));
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 1000; i++) {
      const topic = { name: `t${i}`, id: null, leaders: [1], replicationFactor: 1, rights: null };
      notices.topic(topic, 3, safe);
      notices.topic(topic, 3, undefined);
    }
  }
  equal(told.length, 11);
  deepEqual([told[0]?.startsWith("topic t0 "), told[10]?.startsWith("further topics")], [true, true]);
});
