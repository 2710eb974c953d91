/** What arrives: whole, in order, with whatever keys, headers and values. */
import assert from "node:assert/strict";
import type { DestinationPromises, OutgoingMessage } from "../../destination.ts";
import type { Body } from "../bench.ts";
import type { DestinationHarness } from "../harness.ts";

/** The flow's own bound for a message is 900 KiB, encoded. */
const LARGE_BYTES = 900 * 1024;
const BACKLOG_COUNT = 2_000;
/** The flow's largest batch. */
const BATCH_COUNT = 500;

export function messageCases({ values, largeBytes, backlogCount }: DestinationHarness): Record<string, Body> {
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
      const keys = ["", " ", "ключ/鍵/🔑", "\u0000\u0001\u007f\u0080\u00ff", "a\tb\r\nc", "k".repeat(1000)];
      const sent = keys.map((key) =>
        bench.message({
          key,
          headers: [
            ["empty", ""],
            ["text", "väärtus 值 🗝"],
            ["binary", "\u0000\u0001\u007f\u0080\u00ff\r\n"],
            ["again", "first"],
            ["again", "second"],
          ],
        }),
      );
      const connection = await bench.open();
      await bench.deliver(connection, sent);
      for (const message of sent) assertSame(await bench.receivedOf(message), message);
    },
    "a large message arrives": async (bench) => {
      const sent = bench.message({ valueBytes: largeBytes ?? LARGE_BYTES });
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
      const count = backlogCount ?? BACKLOG_COUNT;
      const sent = bench.messages(count, (index) => ({ key: `key${index % 7}` }));
      const connection = await bench.open();
      for (let from = 0; from < count; from += BATCH_COUNT) await bench.deliver(connection, sent.slice(from, from + BATCH_COUNT));
      await bench.assertArrived(sent);
    },
    ...(values === undefined
      ? {}
      : {
          "values arrive byte for byte": async (bench) => {
            const sent = values.map((value) => bench.message({ value }));
            await bench.deliver(await bench.open(), sent);
            for (const message of sent) await bench.receivedOf(message);
          },
        }),
  };
}

export function orderCases({ lanes, deduplicates }: DestinationPromises): Record<string, Body> {
  return {
    "messages of a lane arrive in the order sent, within a batch and over batches": async (bench) => {
      const connection = await bench.open();
      const sent: OutgoingMessage[] = [];
      for (const count of [1, 2, 50, 1, 7]) {
        const batch = bench.messages(count);
        await bench.deliver(connection, batch);
        sent.push(...batch);
      }
      await bench.assertArrived(sent);
    },
    "messages of a lane arrive in the order sent in each of several topics": async (bench) => {
      const sent = bench.messages(60, (index) => ({ topic: bench.topics[index % 3 === 0 ? 0 : 1] ?? "" }));
      await bench.deliver(await bench.open(), sent);
      await bench.assertArrived(sent);
    },
    // A numbered connection says itself what its lanes are: they have tests of their own.
    ...(lanes > 1 && !deduplicates
      ? {
          "sends of several lanes at a time arrive whole, each lane in its order": async (bench) => {
            const connection = await bench.open();
            const sent = Array.from({ length: lanes }, (_, lane) => bench.messages(100, () => ({ key: `key${lane}` })));
            await Promise.all(
              sent.map(async (messages) => {
                for (let from = 0; from < messages.length; from += 25) await bench.deliver(connection, messages.slice(from, from + 25));
              }),
            );
            await bench.assertArrived(sent.flat());
          },
        }
      : {}),
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
