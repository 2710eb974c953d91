/** The contract of a destination driver as a list of tests; which apply follows from what the driver promises. */
import assert from "node:assert/strict";
import type { DestinationDriver, OutgoingMessage } from "../destination.ts";
import { ContractBench, firsts, isRefusal, mayPass, SEND_MS_MAX, valuesOf } from "./bench.ts";
import type { DestinationHarness } from "./harness.ts";

/** One test of the contract. Its name is true of a driver for which `run` settles. */
export interface ContractCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

type Body<Options> = (bench: ContractBench<Options>) => Promise<void>;

const LARGE_BYTES = 900 * 1024;
const BACKLOG_COUNT = 2_000;
const BATCH_COUNT = 500;

export function destinationCases<Options>(driver: DestinationDriver<Options>, harness: DestinationHarness): readonly ContractCase[] {
  const bodies: Record<string, Body<Options>> = {
    ...connectionBodies<Options>(),
    ...messageBodies<Options>(driver),
    ...(driver.promises.ordered ? orderBodies<Options>() : {}),
    ...failureBodies<Options>(harness),
    ...abortBodies<Options>(),
    ...(driver.promises.deduplicates ? repeatBodies<Options>() : {}),
    ...(harness.stop !== undefined && harness.start !== undefined ? outageBodies<Options>() : {}),
  };
  return Object.entries(bodies).map(([name, body]) => ({
    name,
    async run() {
      const bench = new ContractBench(driver, harness);
      await bench.begin();
      try {
        await body(bench);
      } finally {
        await bench.end();
      }
    },
  }));
}

function connectionBodies<Options>(): Record<string, Body<Options>> {
  return {
    "an option that it doesn't know is refused": async ({ driver, given }) => {
      assert(typeof given === "object", "options are an object");
      assert.equal(driver.options.safeParse({ ...given, noSuchOption: 1 }).success, false);
    },
    "a connection is ended once and again": async (bench) => {
      const connection = await bench.open();
      await connection[Symbol.asyncDispose]();
      await connection[Symbol.asyncDispose]();
    },
    "a check of a destination that works settles and writes no message": async (bench) => {
      const connection = await bench.open();
      await connection.check(AbortSignal.timeout(SEND_MS_MAX));
      assert.deepEqual(await bench.receivedValues(), []);
    },
    "what was delivered before stays when it is opened again": async (bench) => {
      const before = bench.messages(3);
      const after = bench.messages(3);
      const first = await bench.open();
      await bench.deliver(first, before);
      await first[Symbol.asyncDispose]();
      await bench.deliver(await bench.open(), after);
      assert.deepEqual((await bench.receivedValues()).toSorted(), valuesOf([...before, ...after]).toSorted());
    },
  };
}

function messageBodies<Options>({ promises }: DestinationDriver<Options>): Record<string, Body<Options>> {
  return {
    "a message arrives as it was sent": async (bench) => {
      const sent = bench.message({
        key: "diku/42",
        headers: [
          ["name", "value"],
          ["other-name", "other value"],
        ],
      });
      await bench.deliver(await bench.open(), [sent]);
      assertSame(await bench.receivedOf(sent), sent);
    },
    "keys and headers arrive whatever characters they have": async (bench) => {
      const keys = ["", " ", "ключ/鍵/🔑", "\u0001\u007f\u0080\u00ff", "a\tb", "k".repeat(1000)];
      const sent = keys.map((key) =>
        bench.message({
          key,
          headers: [
            ["empty", ""],
            ["text", "väärtus 值 🗝"],
          ],
        }),
      );
      const connection = await bench.open();
      await bench.deliver(connection, sent);
      for (const message of sent) assertSame(await bench.receivedOf(message), message);
    },
    "a large message arrives": async (bench) => {
      const sent = bench.message({ valueBytes: bench.harness.largeBytes ?? LARGE_BYTES });
      await bench.deliver(await bench.open(), [sent]);
      await bench.receivedOf(sent);
    },
    "messages of one batch reach their own topics": async (bench) => {
      const sent = bench.messages(20, (index) => ({ topic: bench.topics[index % 2] ?? "" }));
      await bench.deliver(await bench.open(), sent);
      for (const message of sent) {
        const { topic } = await bench.receivedOf(message);
        if (topic !== null) assert.equal(topic, message.topic);
      }
    },
    "a backlog arrives whole": async (bench) => {
      const count = bench.harness.backlogCount ?? BACKLOG_COUNT;
      const sent = bench.messages(count, (index) => ({ key: `key${index % 7}` }));
      const connection = await bench.open();
      for (let from = 0; from < count; from += BATCH_COUNT) await bench.deliver(connection, sent.slice(from, from + BATCH_COUNT));
      const received = await bench.receivedValues();
      assert.equal(received.length, count);
      assert.deepEqual(promises.ordered ? received : received.toSorted(), promises.ordered ? valuesOf(sent) : valuesOf(sent).toSorted());
    },
  };
}

function orderBodies<Options>(): Record<string, Body<Options>> {
  return {
    "messages of a lane arrive in the order sent, within a batch and over batches": async (bench) => {
      const connection = await bench.open();
      const sent: OutgoingMessage[] = [];
      for (const count of [1, 2, 50, 1, 7]) {
        const batch = bench.messages(count);
        await bench.deliver(connection, batch);
        sent.push(...batch);
      }
      assert.deepEqual(await bench.receivedValues(), valuesOf(sent));
    },
    "messages of a lane arrive in the order sent in each of several topics": async (bench) => {
      const sent = bench.messages(60, (index) => ({ topic: bench.topics[index % 3 === 0 ? 0 : 1] ?? "" }));
      await bench.deliver(await bench.open(), sent);
      for (const topic of bench.topics) {
        const received = (await bench.harness.received()).filter((message) => message.topic === topic);
        const expected = sent.filter((message) => message.topic === topic);
        if (received.length > 0)
          assert.deepEqual(
            received.map(({ value }) => value.toString()),
            valuesOf(expected),
          );
      }
    },
  };
}

function failureBodies<Options>(harness: DestinationHarness): Record<string, Body<Options>> {
  const { refused, oversizeBytes } = harness;
  const bodies: Record<string, Body<Options>> = {};
  const assertOneRefused = async (bench: ContractBench<Options>, bad: OutgoingMessage): Promise<void> => {
    const batch = [...bench.messages(2), bad, ...bench.messages(2)];
    const outcomes = await bench.send(await bench.open(), batch);
    assert.deepEqual(outcomes.map(isRefusal), [false, false, true, false, false]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome === null),
      [true, true, false, true, true],
    );
    assert.deepEqual((await bench.receivedValues()).toSorted(), valuesOf(batch.filter((message) => message !== bad)).toSorted());
  };
  if (refused !== undefined)
    bodies["a message that is refused for good fails alone"] = (bench) => assertOneRefused(bench, bench.message(refused));
  if (oversizeBytes !== undefined)
    bodies["a message that is too large is refused for good, alone"] = (bench) =>
      assertOneRefused(bench, bench.message({ valueBytes: oversizeBytes }));
  if (harness.failNext !== undefined) {
    bodies["after a failure that may pass, the later messages of the batch fail too, and all arrive in order when repeated"] = async (
      bench,
    ) => {
      const connection = await bench.open();
      const batch = bench.messages(5);
      await bench.harness.failNext?.(2);
      const outcomes = await bench.send(connection, batch);
      const failedAt = outcomes.findIndex((outcome) => outcome !== null);
      assert(failedAt !== -1 && failedAt <= 2, "the failure is answered at its message or before");
      assert(outcomes.slice(failedAt).every(mayPass), "every message from the failure on is one to repeat");
      await connection[Symbol.asyncDispose]();
      await bench.deliver(await bench.open(), batch.slice(failedAt));
      assert.deepEqual(firsts(await bench.receivedValues()), valuesOf(batch));
    };
  }
  return bodies;
}

function abortBodies<Options>(): Record<string, Body<Options>> {
  const assertAborted = async (bench: ContractBench<Options>, abort: (controller: AbortController) => void): Promise<void> => {
    const connection = await bench.open();
    const batch = bench.messages(200);
    const controller = new AbortController();
    abort(controller);
    const outcomes = await bench.send(connection, batch, controller.signal);
    const failedAt = outcomes.findIndex((outcome) => outcome !== null);
    if (failedAt !== -1) assert(outcomes.slice(failedAt).every(mayPass), "what is not surely sent is one to repeat");
    await connection[Symbol.asyncDispose]();
    const received = new Set(await bench.receivedValues());
    for (const [index, message] of batch.entries()) {
      if (outcomes[index] === null) assert(received.has(message.value.toString()), "what is answered as delivered has arrived");
    }
    if (failedAt !== -1) await bench.deliver(await bench.open(), batch.slice(failedAt));
    assert.deepEqual(firsts(await bench.receivedValues()).toSorted(), valuesOf(batch).toSorted());
  };
  return {
    "a send that is aborted before it begins is answered, and can be repeated": (bench) =>
      assertAborted(bench, (controller) => controller.abort()),
    "a send that is aborted in its midst is answered, and can be repeated": (bench) =>
      assertAborted(bench, (controller) => setImmediate(() => controller.abort())),
  };
}

function repeatBodies<Options>(): Record<string, Body<Options>> {
  return {
    "messages that are sent again arrive once": async (bench) => {
      const connection = await bench.open();
      const batch = bench.messages(10);
      await bench.deliver(connection, batch);
      await bench.deliver(connection, batch);
      assert.deepEqual((await bench.receivedValues()).toSorted(), valuesOf(batch).toSorted());
    },
  };
}

function outageBodies<Options>(): Record<string, Body<Options>> {
  return {
    "while the destination is stopped a send is answered with failures that may pass, and nothing is lost over it": async (bench) => {
      const connection = await bench.open();
      const before = bench.messages(5);
      await bench.deliver(connection, before);
      await bench.harness.stop?.();
      const during = bench.messages(5);
      const outcomes = await bench.send(connection, during);
      assert(outcomes.every(mayPass), "a destination that is stopped neither takes nor refuses");
      await connection[Symbol.asyncDispose]();
      await bench.harness.start?.();
      await bench.deliver(await bench.open(), during);
      assert.deepEqual(firsts(await bench.receivedValues()).toSorted(), valuesOf([...before, ...during]).toSorted());
    },
  };
}

function assertSame(
  received: { readonly topic: string | null; readonly key: string | null; readonly headers: OutgoingMessage["headers"] | null },
  sent: OutgoingMessage,
): void {
  if (received.topic !== null) assert.equal(received.topic, sent.topic);
  if (received.key !== null) assert.equal(received.key, sent.key);
  if (received.headers === null) return;
  // A destination may add headers of its own.
  for (const header of sent.headers)
    assert(
      received.headers.some(([name, value]) => name === header[0] && value === header[1]),
      `the header ${header[0]} is missing`,
    );
}
