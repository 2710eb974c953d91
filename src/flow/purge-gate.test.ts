import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { PurgeGate } from "./purge-gate.ts";

test("a purge waits for what is being moved, and nothing is moved until it is over", async () => {
  let nowMs = 0;
  const gate = new PurgeGate(() => nowMs);
  const steps: string[] = [];
  const { promise: moved, resolve } = Promise.withResolvers<void>();
  const moving = gate.move(async () => {
    await moved;
    steps.push("moved");
  });
  const purging = gate.purge(() => Promise.resolve(steps.push("purged")));
  const refused = { code: "SST_COMMAND_INVALID", message: /a tenant is being purged/ };
  await rejects(
    gate.move(() => Promise.resolve()),
    refused,
  );
  resolve();
  await Promise.all([moving, purging]);
  deepEqual(steps, ["moved", "purged"]);
  nowMs = 9_999;
  await rejects(
    gate.move(() => Promise.resolve()),
    refused,
  );
  nowMs = 10_000;
  equal(await gate.move(() => Promise.resolve(1)), 1);
});

test("what fails while it is moved, or purged, holds up nothing", async () => {
  let nowMs = 0;
  const gate = new PurgeGate(() => nowMs);
  const failing = (): Promise<never> => Promise.reject(new Error("full"));
  const moving = gate.move(failing);
  const purging = gate.purge(failing);
  await rejects(moving, /full/);
  await rejects(purging, /full/);
  nowMs = 20_000;
  equal(await gate.move(() => Promise.resolve(1)), 1);
});
