import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { BATCH_BYTES, BATCH_WAIT_MS, Batcher, type SealedBatch } from "./batcher.ts";
import { decodeBatch } from "./decode.ts";
import { BATCH_HEADER_BYTES } from "./layout.ts";
import { RouteLosses } from "./losses.ts";
import { measureRecord } from "./record.ts";
import { agentRecord, bodyOf, transaction } from "./testing/records.ts";
import type { CaptureRecord } from "../../driver/source.ts";

/** A batcher whose batches are kept, and which adds up what its records cost. */
function gather() {
  const sent: SealedBatch[] = [];
  const batcher = new Batcher(Buffer.alloc(8, 1), (batch) => sent.push(batch));
  const losses = new RouteLosses("front", "default");
  let recordNumber = 0;
  const gathering = {
    batcher,
    sent,
    losses,
    costBytes: 0,
    add(record: CaptureRecord, durable = false) {
      const bytes = measureRecord(record);
      gathering.costBytes += batcher.costOf(bytes);
      recordNumber += 1;
      batcher.add(record, { sourceIndex: 0, recordNumber, durable }, bytes, durable ? null : losses);
    },
    numbers: () => sent.map(({ buffer }) => decodeBatch(buffer, ["front"]).records.map((record) => record.recordNumber)),
  };
  return gathering;
}

test("a best-effort record waits two milliseconds for company, then leaves", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "setImmediate"] });
  const gathering = gather();
  gathering.add(transaction("/a"));
  context.mock.timers.tick(BATCH_WAIT_MS - 1);
  gathering.add(transaction("/b"));
  equal(gathering.sent.length, 0);
  context.mock.timers.tick(1);
  deepEqual(gathering.numbers(), [[1, 2]]);
});

test("a durable record takes all that gathered along at the end of the loop turn", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "setImmediate"] });
  const gathering = gather();
  gathering.add(transaction("/a"));
  gathering.add(transaction("/b"), true);
  gathering.add(transaction("/c"), true);
  equal(gathering.sent.length, 0);
  context.mock.timers.tick(0);
  deepEqual(gathering.numbers(), [[1, 2, 3]]);
  context.mock.timers.tick(BATCH_WAIT_MS);
  equal(gathering.sent.length, 1);
});

test("a full batch leaves at once, and records keep their order over batches and sizes", () => {
  const gathering = gather();
  const middle = bodyOf(Buffer.alloc(30_000));
  const large = bodyOf(Buffer.alloc(200_000));
  for (const body of [middle, middle, middle, large, middle]) gathering.add(transaction("/a", { requestBody: body }));
  gathering.batcher.flush();
  deepEqual(gathering.numbers(), [[1, 2], [3], [4], [5]]);
  deepEqual(
    gathering.sent.map(({ number }) => number),
    [1, 2, 3, 4],
  );
});

test("what the records were said to cost is what the batches weigh", () => {
  const gathering = gather();
  for (let index = 0; index < 3000; index += 1) {
    gathering.add(transaction("/a", { requestBody: bodyOf(Buffer.alloc((index * 7919) % 5000)) }), index % 3 === 0);
    if (index % 100 === 0) gathering.add(transaction("/a", { requestBody: bodyOf(Buffer.alloc(BATCH_BYTES)) }));
  }
  gathering.batcher.flush();
  equal(
    gathering.sent.reduce((sum, { buffer }) => sum + buffer.byteLength, 0),
    gathering.costBytes,
  );
  equal(gathering.numbers().flat().length, 3030);
});

test("a record that exactly fills a batch shares the buffer, one byte more gets its own", () => {
  const spare = BATCH_BYTES - BATCH_HEADER_BYTES - measureRecord(transaction("/a", { requestBody: bodyOf("") }));
  const gathering = gather();
  gathering.add(transaction("/a", { requestBody: bodyOf(Buffer.alloc(spare)) }));
  equal(gathering.sent.length, 0);
  gathering.add(transaction("/a", { requestBody: bodyOf(Buffer.alloc(spare + 1)) }));
  deepEqual(
    gathering.sent.map(({ buffer }) => buffer.byteLength),
    [BATCH_BYTES, BATCH_BYTES + 1],
  );
});

test("a batch says which best-effort records and which agent events it holds", () => {
  const gathering = gather();
  gathering.add(transaction("/a"));
  gathering.add(transaction("/b"), true);
  gathering.add(agentRecord("event-9"));
  gathering.batcher.flush();
  const [batch] = gathering.sent;
  deepEqual(batch?.bestEffort, [gathering.losses, null, gathering.losses]);
  equal(batch?.firstRecord, 1);
  equal(batch?.agentIds?.get(3), "event-9");
});

test("what is discarded is told and never sent", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "setImmediate"] });
  const gathering = gather();
  gathering.add(transaction("/a"));
  gathering.add(transaction("/b"), true);
  deepEqual(gathering.batcher.discard(), [gathering.losses, null]);
  context.mock.timers.tick(BATCH_WAIT_MS);
  gathering.batcher.flush();
  equal(gathering.sent.length, 0);
  gathering.add(transaction("/c"));
  gathering.batcher.flush();
  deepEqual(gathering.numbers(), [[3]]);
  equal(gathering.sent[0]?.firstRecord, 3);
});

test("the slices that came from sockets are copied, never transferred", async () => {
  const chunk = Buffer.from("socket bytes");
  const { port1, port2 } = new MessageChannel();
  const batcher = new Batcher(Buffer.alloc(8), ({ buffer }) => port1.postMessage(buffer, [buffer]));
  const record = transaction("/a", { requestBody: bodyOf(chunk), responseBody: bodyOf(chunk) });
  batcher.add(record, { sourceIndex: 0, recordNumber: 1, durable: false }, measureRecord(record), null);
  batcher.flush();
  equal(chunk.toString(), "socket bytes");
  ok(chunk.buffer.byteLength > 0);
  port1.close();
  port2.close();
});
