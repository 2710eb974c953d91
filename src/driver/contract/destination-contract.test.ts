import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { SidestreamError } from "../../errors.ts";
import {
  defineDestination,
  type DestinationConnection,
  type DestinationDriver,
  type OutgoingMessage,
  type SendOutcome,
} from "../destination.ts";
import { destinationCases } from "./cases.ts";
import { destinationContract } from "./destination-contract.ts";
import type { DestinationHarness } from "./harness.ts";

/** A destination in memory that keeps the contract, and what a test may break of it. */
class Memory {
  received: OutgoingMessage[] = [];
  running = true;
  failAt: number | null = null;
  readonly #change: Partial<DestinationConnection>;
  readonly #promises: Partial<DestinationDriver["promises"]>;
  readonly #strict: boolean;

  constructor(
    parts: { change?: Partial<DestinationConnection>; promises?: Partial<DestinationDriver["promises"]>; strict?: boolean } = {},
  ) {
    this.#change = parts.change ?? {};
    this.#promises = parts.promises ?? {};
    this.#strict = parts.strict ?? true;
  }

  get driver(): DestinationDriver<{ readonly where: string }> {
    const options = this.#strict ? z.strictObject({ where: z.string() }) : z.object({ where: z.string() });
    return defineDestination({
      type: "memory",
      summary: "Keeps messages in memory",
      options,
      promises: { ordered: true, deduplicates: false, lanes: 1, ...this.#promises },
      open: async () => ({
        send: async (batch, signal) => this.send(batch, signal),
        check: async () => {},
        [Symbol.asyncDispose]: async () => {},
        ...this.#change,
      }),
    });
  }

  get harness(): DestinationHarness {
    return {
      options: async () => {
        this.received = [];
        this.running = true;
        this.failAt = null;
        return { where: "here" };
      },
      received: async () => this.received,
      cleanup: async () => {},
      failNext: async (index) => void (this.failAt = index),
      stop: async () => void (this.running = false),
      start: async () => void (this.running = true),
      oversizeBytes: 1024 * 1024,
      refused: { value: Buffer.from("unwanted") },
    };
  }

  send(batch: readonly OutgoingMessage[], signal: AbortSignal): SendOutcome[] {
    const failAt = this.failAt;
    this.failAt = null;
    let failure: SendOutcome = null;
    return batch.map((message, index) => {
      if (signal.aborted) failure ??= new SidestreamError("SST_DESTINATION_UNSURE", "aborted");
      if (!this.running) failure ??= new SidestreamError("SST_DESTINATION_UNREACHABLE", "stopped");
      if (index === failAt) failure ??= new SidestreamError("SST_DESTINATION_BUSY", "told to");
      if (failure !== null) return failure;
      if (message.value.length >= 1024 * 1024 || message.value.toString() === "unwanted")
        return new SidestreamError("SST_DESTINATION_REFUSED", "unwanted");
      const known = this.#promises.deduplicates === true && this.received.some(({ sequence }) => sequence === message.sequence);
      if (!known) this.received.push(message);
      return null;
    });
  }
}

const good = new Memory();
destinationContract(good.driver, good.harness);

const deduplicating = new Memory({ promises: { deduplicates: true } });
destinationContract({ ...deduplicating.driver, type: "memory that deduplicates" }, deduplicating.harness);

test("the promises of a driver decide which tests apply", () => {
  const plain = new Memory({ promises: { ordered: false } });
  const bare = destinationCases(plain.driver, { options: async () => ({}), received: async () => [], cleanup: async () => {} });
  const all = destinationCases(deduplicating.driver, deduplicating.harness);
  assert(bare.length < all.length);
  assert(!bare.some(({ name }) => name.includes("order sent")));
  assert(!bare.some(({ name }) => name.includes("arrive once")));
});

/** Names of the tests that the driver fails. */
async function failures(memory: Memory): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, run } of destinationCases(memory.driver, memory.harness)) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

const faults: Record<string, { readonly memory: () => Memory; readonly caught: string }> = {
  "ignores unknown options": { memory: () => new Memory({ strict: false }), caught: "an option that it doesn't know is refused" },
  "can't be ended twice": {
    memory: () => {
      let count = 0;
      return new Memory({
        change: {
          [Symbol.asyncDispose]: async () => {
            if (++count > 1) throw new Error("ended already");
          },
        },
      });
    },
    caught: "a connection is ended once and again",
  },
  "answers for one message too few": {
    memory: () => broken((memory, batch, signal) => memory.send(batch, signal).slice(1)),
    caught: "a message arrives as it was sent",
  },
  "loses the last message of a batch": {
    memory: () => broken((memory, batch, signal) => [...memory.send(batch.slice(1), signal), null]),
    caught: "a backlog arrives whole",
  },
  "turns a batch around": {
    memory: () => broken((memory, batch, signal) => memory.send(batch.toReversed(), signal).toReversed()),
    caught: "messages of a lane arrive in the order sent, within a batch and over batches",
  },
  "goes on after a failure that may pass": {
    memory: () =>
      broken((memory, batch, signal) => {
        const { failAt } = memory;
        if (failAt === null) return memory.send(batch, signal);
        memory.failAt = null;
        const outcomes = memory.send(batch.toSpliced(failAt, 1), signal);
        return outcomes.toSpliced(failAt, 0, new SidestreamError("SST_DESTINATION_BUSY", "told to"));
      }),
    caught: "after a failure that may pass, the later messages of the batch fail too, and all arrive in order when repeated",
  },
  "refuses for good what it can't reach": {
    memory: () =>
      broken((memory, batch, signal) =>
        memory.running ? memory.send(batch, signal) : batch.map(() => new SidestreamError("SST_DESTINATION_REFUSED", "?")),
      ),
    caught: "while the destination is stopped a send is answered with failures that may pass, and nothing is lost over it",
  },
  "throws when it is aborted": {
    memory: () =>
      broken((memory, batch, signal) => {
        signal.throwIfAborted();
        return memory.send(batch, signal);
      }),
    caught: "a send that is aborted before it begins is answered, and can be repeated",
  },
  "says delivered of what it did not send when aborted": {
    memory: () => broken((memory, batch, signal) => (signal.aborted ? batch.map(() => null) : memory.send(batch, signal))),
    caught: "a send that is aborted before it begins is answered, and can be repeated",
  },
  "drops a whole batch for one bad message": {
    memory: () =>
      broken((memory, batch, signal) =>
        batch.some(({ value }) => value.toString() === "unwanted")
          ? batch.map(() => new SidestreamError("SST_DESTINATION_REFUSED", "?"))
          : memory.send(batch, signal),
      ),
    caught: "a message that is refused for good fails alone",
  },
  "doubles what is sent again, against its promise": {
    memory: () => {
      const memory = new Memory({
        promises: { deduplicates: true },
        change: {
          send: async (batch) => {
            memory.received.push(...batch);
            return batch.map(() => null);
          },
        },
      });
      return memory;
    },
    caught: "messages that are sent again arrive once",
  },
};

function broken(send: (memory: Memory, batch: readonly OutgoingMessage[], signal: AbortSignal) => SendOutcome[]): Memory {
  const memory: Memory = new Memory({ change: { send: async (batch, signal) => send(memory, batch, signal) } });
  return memory;
}

for (const [fault, { memory, caught }] of Object.entries(faults)) {
  test(`the contract catches a driver that ${fault}`, async () => {
    assert((await failures(memory())).includes(caught), `"${caught}" passed`);
  });
}
