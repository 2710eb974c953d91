import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "./turns.ts";

test("one at a time, in the order in which they were asked for", async () => {
  const turns = new Turns();
  const told: string[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const all = gates.map(({ promise }, index) =>
    turns.run(async () => {
      told.push(`begin ${index}`);
      await promise;
      told.push(`end ${index}`);
      return index;
    }),
  );
  gates[1]?.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  deepEqual(told, ["begin 0"]);
  gates[0]?.resolve();
  deepEqual(await Promise.all(all), [0, 1]);
  deepEqual(told, ["begin 0", "end 0", "begin 1", "end 1"]);
});

test("who fails is told so, also one who throws at once, and the next goes on", async () => {
  const turns = new Turns();
  const failed = turns.run(() => Promise.reject(new Error("first")));
  const thrown = turns.run(() => {
    throw new Error("second");
  });
  const third = turns.run(() => Promise.resolve("third"));
  await rejects(failed, /first/);
  await rejects(thrown, /second/);
  equal(await third, "third");
});

test("a turn that is asked for within another comes after it", async () => {
  const turns = new Turns();
  const told: string[] = [];
  let inner: Promise<void> = Promise.resolve();
  await turns.run(async () => {
    inner = turns.run(async () => void told.push("inner"));
    told.push("outer");
  });
  await inner;
  deepEqual(told, ["outer", "inner"]);
});
