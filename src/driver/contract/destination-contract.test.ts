import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { SidestreamError } from "../../errors.ts";
import {
  defineDestination,
  type DestinationPromises,
  type OutgoingMessage,
  type PlainConnection,
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
  readonly #change: Partial<PlainConnection>;
  readonly #promises: Partial<DestinationPromises>;
  readonly #strict: boolean;

  constructor(parts: { change?: Partial<PlainConnection>; promises?: Partial<DestinationPromises>; strict?: boolean } = {}) {
    this.#change = parts.change ?? {};
    this.#promises = parts.promises ?? {};
    this.#strict = parts.strict ?? true;
  }

  get driver() {
    const options = this.#strict ? z.strictObject({ where: z.string() }) : z.object({ where: z.string() });
    return defineDestination({
      type: "memory",
      summary: "Keeps messages in memory",
      options,
      promises: { ordered: true, lanes: 1, ...this.#promises, deduplicates: false },
      open: async () => {
        this.#reach();
        return this.#connection();
      },
    });
  }

  #reach(): void {
    if (!this.running) throw new SidestreamError("SST_DESTINATION_UNREACHABLE", "stopped");
  }

  #connection(): PlainConnection {
    return {
      send: async (batch, signal) => this.send(batch, signal),
      check: async () => this.#reach(),
      [Symbol.asyncDispose]: async () => {},
      ...this.#change,
    };
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
      this.received.push(message);
      return null;
    });
  }
}

const good = new Memory();
destinationContract(good.driver, good.harness);

const parallel = new Memory({ promises: { lanes: 4 } });
destinationContract({ ...parallel.driver, type: "memory with lanes" }, parallel.harness);

test("what a driver promises and its harness offers decides which tests apply", () => {
  const plain = new Memory({ promises: { ordered: false } });
  const bare = destinationCases(plain.driver, { options: async () => ({}), received: async () => [], cleanup: async () => {} });
  const all = destinationCases(parallel.driver, parallel.harness);
  assert(bare.length < all.length);
  assert(!bare.some(({ name }) => name.includes("order sent")));
  assert(!all.some(({ name }) => name.includes("arrives once")), "numbers are for drivers that promise to refuse what is there");
});

test("topics can be others for each test", async () => {
  const memory = new Memory();
  const used = new Set<string>();
  const topicsFor = (caseNumber: number): readonly [string, string] => [`a${caseNumber}`, `b${caseNumber}`];
  for (const { run } of destinationCases(memory.driver, { ...memory.harness, topicsFor }).slice(3, 6)) {
    await run();
    for (const { topic } of memory.received) used.add(topic);
  }
  assert.deepEqual([...used], ["a5", "a6"]);
});

/** Whether the driver fails that test. */
async function fails(memory: Memory, caught: string): Promise<boolean> {
  const found = destinationCases(memory.driver, memory.harness).find(({ name }) => name === caught);
  assert(found !== undefined, `there is no test "${caught}"`);
  return found.run().then(
    () => false,
    () => true,
  );
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
  "opens numbered connections without a promise": {
    memory: () => new Memory({ change: { recover: async () => ({ number: null, position: null }) } as Partial<PlainConnection> }),
    caught: "a connection is a numbered one just when the driver promises to refuse what it has already",
  },
  "mixes lanes": {
    memory: () => {
      const memory: Memory = new Memory({
        promises: { lanes: 2 },
        change: {
          // Another lane's batch overtakes the one before.
          send: async (batch, signal) => {
            if (batch[0]?.key === "key0") await new Promise((resolve) => setImmediate(resolve));
            return memory.send(batch[0]?.key === "key0" ? batch.toReversed() : batch, signal);
          },
        },
      });
      return memory;
    },
    caught: "sends of several lanes at a time arrive whole, each lane in its order",
  },
  "doubles what it sends": {
    memory: () =>
      broken((memory, batch, signal) => {
        memory.send(batch, signal);
        return memory.send(batch, signal);
      }),
    caught: "a backlog arrives whole",
  },
  "keeps what it could not send": {
    memory: () => {
      const keep: Buffer[] = [];
      return broken((memory, batch, signal) => {
        if (memory.running) return memory.send(batch, signal);
        keep.push(Buffer.concat(batch.map(({ value }) => value)));
        return batch.map(() => new SidestreamError("SST_DESTINATION_BUSY", "stopped"));
      });
    },
    caught: "while the destination is stopped, memory stays within a bound however often is tried",
  },
  "checks nothing": {
    memory: () => new Memory({ change: { check: async () => {} } }),
    caught: "while the destination is stopped, checks and openings fail in a way that may pass",
  },
};

function broken(send: (memory: Memory, batch: readonly OutgoingMessage[], signal: AbortSignal) => SendOutcome[]): Memory {
  const memory: Memory = new Memory({ change: { send: async (batch, signal) => send(memory, batch, signal) } });
  return memory;
}

for (const [fault, { memory, caught }] of Object.entries(faults)) {
  test(`the contract catches a driver that ${fault}`, async () => {
    assert(await fails(memory(), caught), `"${caught}" passed`);
  });
}
