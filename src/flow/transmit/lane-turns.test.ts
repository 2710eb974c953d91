/** Two senders over one plain connection: the driver never sees two sends of a lane at a time, and none of them starves. */
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { OutgoingMessage, PlainConnection } from "../../driver/destination.ts";
import { laneOfKey } from "./lane-of-key.ts";
import { inTurns } from "./lane-turns.ts";
import { ScriptedDestination, takeAll, type Answer } from "./testing/scripted-destination.ts";

const NEVER = new AbortController().signal;
const message = (sequence: number, key = "k"): OutgoingMessage => ({ topic: "t", key, headers: [], value: Buffer.from("v"), sequence });
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

async function connect(destination: ScriptedDestination): Promise<PlainConnection> {
  return (await inTurns(destination.driver).open({}, { name: "out", signal: NEVER })) as PlainConnection;
}

test("two that send over and over take turns", async () => {
  const destination = new ScriptedDestination();
  destination.otherwise = async (batch, arrive, signal) => {
    await turn();
    return takeAll(batch, arrive, signal);
  };
  const connection = await connect(destination);
  const sender = async (from: number): Promise<void> => {
    for (let count = 0; count < 20; count += 1) await connection.send([message(from + count)], NEVER);
  };
  await Promise.all([sender(0), sender(100)]);
  deepEqual(destination.violations, []);
  const sides = destination.arrivedSequences.map((sequence) => sequence >= 100);
  deepEqual(
    sides,
    sides.map((_, index) => index % 2 === 1),
  );
});

test("lanes don't wait for one another, and one that is told to stop before its turn sends nothing", async () => {
  const destination = new ScriptedDestination(2);
  const held = Promise.withResolvers<void>();
  const holding: Answer = async (batch, arrive, signal) => {
    await held.promise;
    return takeAll(batch, arrive, signal);
  };
  destination.script.push(holding);
  const connection = await connect(destination);
  const first = connection.send([message(1, "a")], NEVER);
  const controller = new AbortController();
  const second = connection.send([message(2, "a")], controller.signal);
  const third = connection.send([message(3, "a")], NEVER);
  // Of the other lane.
  const otherKey = ["b", "c", "d", "e", "f", "g", "h"].find((key) => laneOfKey(key, 2) !== laneOfKey("a", 2)) ?? "";
  deepEqual(await connection.send([message(4, otherKey)], NEVER), [null]);
  controller.abort();
  equal((await second)[0]?.code, "SST_DESTINATION_UNSURE");
  await turn();
  deepEqual(destination.arrivedSequences, [4], "the third waits for the first all the same");
  held.resolve();
  await Promise.all([first, third]);
  deepEqual(destination.arrivedSequences, [4, 1, 3]);
  deepEqual(destination.violations, []);
});

test("one that fails lets the next one go", async () => {
  const destination = new ScriptedDestination();
  destination.script.push(() => Promise.reject(new Error("scripted")));
  const connection = await connect(destination);
  const first = connection.send([message(1)], NEVER).catch((error: unknown) => String(error));
  deepEqual(await connection.send([message(2)], NEVER), [null]);
  equal(await first, "Error: scripted");
});
