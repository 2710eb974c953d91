import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { DestinationIdentity, DestinationMemory } from "../driver/destination.ts";
import { actOnIdentity } from "./identity-act.ts";

const identity: DestinationIdentity = {
  show: (memory) => memory.names().map((name) => [name, String(memory.get(name))]),
  accept: () => [
    ["cluster", "new"],
    ["found", null],
  ],
  reset: (memory) => memory.names().map((name) => [name, null]),
};

function memoryOf(values: Readonly<Record<string, unknown>>): DestinationMemory {
  const kept = new Map(Object.entries(values));
  return {
    nextSequence: 7,
    get: (name) => kept.get(name),
    names: () => [...kept.keys()],
    set(name, value) {
      if (value === null) kept.delete(name);
      else kept.set(name, value);
      return Promise.resolve();
    },
  };
}

test("looking changes nothing, accepting and forgetting change the memory, and the rows are those after the act", async () => {
  const memory = memoryOf({ cluster: "old", found: "new" });
  deepEqual(await actOnIdentity(identity, memory, "show", "kafka1"), [
    ["cluster", "old"],
    ["found", "new"],
  ]);
  deepEqual(await actOnIdentity(identity, memory, "accept", "kafka1"), [["cluster", "new"]]);
  deepEqual(await actOnIdentity(identity, memory, "reset", "kafka1"), []);
});

test("a destination without an identity is told as such", async () => {
  await rejects(actOnIdentity(undefined, memoryOf({}), "show", "files"), { code: "SST_COMMAND_INVALID", message: /^destination "files"/ });
});
