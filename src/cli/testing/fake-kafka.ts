/** A numbered destination without a network: it knows topics, refuses what a test says, and keeps an identity. */
import { z } from "zod";
import { defineDestination, type DestinationMemory, type NumberedConnection } from "../../driver/destination.ts";

/** What the next connections do. */
export interface FakeKafkaPlan {
  open: (memory: DestinationMemory, notice: (text: string) => void) => Promise<void>;
  check: (signal: AbortSignal, topics: readonly string[]) => Promise<void>;
  /** Connections opened and not disposed of. */
  openCount: number;
}

export function fakeKafka(type: string): { readonly plan: FakeKafkaPlan; readonly driver: ReturnType<typeof driverOf> } {
  const plan: FakeKafkaPlan = { open: () => Promise.resolve(), check: () => Promise.resolve(), openCount: 0 };
  return { plan, driver: driverOf(type, plan) };
}

function driverOf(type: string, plan: FakeKafkaPlan) {
  return defineDestination({
    type,
    summary: "Kafka that isn't one",
    options: z.strictObject({}),
    promises: { ordered: true, deduplicates: true, lanes: 1 },
    identity: {
      show: (memory) =>
        memory
          .names()
          .toSorted()
          .map((name) => [name, String(memory.get(name))]),
      accept: () => [["cluster", "new-cluster"]],
      reset: (memory) => memory.names().map((name) => [name, null]),
    },
    async open(_options, { memory, notice }): Promise<NumberedConnection> {
      if (memory === undefined) throw new Error("a numbered destination is given a memory");
      await plan.open(memory, notice ?? (() => undefined));
      plan.openCount += 1;
      let isOpen = true;
      return {
        lane: ({ topic }) => topic,
        recover: (_lane, last) => Promise.resolve(last),
        renumber: () => Promise.resolve(),
        send: ({ messages }) => Promise.resolve({ outcomes: messages.map(() => null), position: null }),
        sendOnce: (messages) => Promise.resolve(messages.map(() => null)),
        check: (signal, topics = []) => plan.check(signal, topics),
        [Symbol.asyncDispose]() {
          if (isOpen) plan.openCount -= 1;
          isOpen = false;
          return Promise.resolve();
        },
      };
    },
  });
}
