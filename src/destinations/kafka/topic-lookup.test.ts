import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError } from "../../errors.ts";
import { TopicLookup } from "./topic-lookup.ts";

interface Found {
  readonly name: string;
  readonly request: number;
}

/** A lookup whose requests a test lets go one by one. */
function lookup() {
  const requests: string[][] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const topics = new TopicLookup<Found>(async (names) => {
    const request = requests.push([...names]);
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    const missing = new SidestreamError("SST_TOPIC_MISSING", "missing");
    return new Map(names.map((name) => [name, name.startsWith("missing") ? missing : { name, request }]));
  });
  return { topics, requests, gates };
}

test("what is asked at the same time is one request, and what is asked meanwhile the next", async () => {
  const { topics, requests, gates } = lookup();
  const first = [topics.ask("a"), topics.ask("b"), topics.ask("a")];
  await Promise.resolve();
  const joined = topics.ask("b");
  const next = [topics.ask("c"), topics.ask("d")];
  deepEqual(requests, [["a", "b"]]);
  gates[0]?.resolve();
  deepEqual(
    await Promise.all([...first, joined]),
    [1, 1, 1, 1].map((request, i) => ({ name: "abab"[i] ?? "", request })),
  );
  gates[1]?.resolve();
  await Promise.all(next);
  deepEqual(requests, [
    ["a", "b"],
    ["c", "d"],
  ]);
});

test("what was declared outdated while it was asked is asked anew", async () => {
  const { topics, gates } = lookup();
  const first = topics.ask("a");
  await Promise.resolve();
  topics.outdate("a");
  equal(topics.isOutdated("a"), true);
  const second = topics.ask("a");
  gates[0]?.resolve();
  equal((await first).request, 1);
  gates[1]?.resolve();
  equal((await second).request, 2);
  equal(topics.isOutdated("a"), false);
});

test("one topic's error is its own, and a failed request is everybody's in it", async () => {
  const { topics, gates } = lookup();
  const asked = [topics.ask("missing"), topics.ask("a")] as const;
  await Promise.resolve();
  gates[0]?.resolve();
  await rejects(asked[0], { code: "SST_TOPIC_MISSING" });
  equal((await asked[1]).name, "a");
  const failed = [topics.ask("a"), topics.ask("b")];
  await Promise.resolve();
  gates[1]?.reject(new Error("cut"));
  for (const one of failed) await rejects(one, { code: "SST_DESTINATION_UNREACHABLE" });
});

test("many topics are asked for in several requests, none of them too large", async () => {
  const { topics, requests, gates } = lookup();
  const all = Promise.all(Array.from({ length: 700 }, (_, i) => topics.ask(`t${i}`)));
  for (let request = 0; request < 3; request++) {
    while (gates[request] === undefined) await new Promise((resolve) => setImmediate(resolve));
    gates[request]?.resolve();
  }
  equal((await all).length, 700);
  deepEqual(
    requests.map((names) => names.length),
    [300, 300, 100],
  );
});
