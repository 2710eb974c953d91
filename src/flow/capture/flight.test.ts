import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import type { SealedBatch } from "./batcher.ts";
import { Flight } from "./flight.ts";
import { RouteLosses } from "./losses.ts";
import { Room } from "./room.ts";
import type { SettleMessage } from "./settle.ts";

function setUp() {
  const room = new Room({ bytesMax: 1000 });
  room.resume();
  const losses = new RouteLosses("front", "/bulk/*");
  const flight = new Flight(room);
  const send = (number: number, bytes: number, bestEffort: number, agentIds: ReadonlyMap<number, string> | null = null): void => {
    ok(room.hand(bytes));
    const batch: SealedBatch = {
      number,
      buffer: new ArrayBuffer(bytes),
      recordCount: bestEffort,
      firstRecord: number * 100,
      bestEffort: Array.from({ length: bestEffort }, () => losses),
      agentIds,
    };
    flight.sent(batch);
  };
  return { room, losses, flight, send };
}

function said(changes: Partial<SettleMessage>): SettleMessage {
  return { creditBytes: 0, roomBytes: null, settlements: [], ...changes };
}

test("a durable record settles once, as the engine said first", async () => {
  const { flight } = setUp();
  const settled = flight.settlement(1, 10);
  flight.apply(
    said({
      settlements: [
        { recordNumber: 1, outcome: "refused" },
        { recordNumber: 1, outcome: "spooled" },
      ],
    }),
  );
  flight.lose();
  equal(await settled, "refused");
  equal(flight.unsettledCount, 0);
});

test("a record that the engine could not read is counted, and refused where somebody waits for it", async () => {
  const { flight } = setUp();
  const settled = flight.settlement(1, 10);
  flight.apply(
    said({
      settlements: [
        { recordNumber: 1, outcome: "unreadable" },
        { recordNumber: 2, outcome: "unreadable" },
      ],
    }),
  );
  equal(await settled, "refused");
  equal(flight.unreadableCount, 2);
});

test("credits pay for the oldest batches first, also in parts", () => {
  const { flight, room, losses, send } = setUp();
  send(1, 100, 1);
  send(2, 100, 2);
  send(3, 100, 4);
  flight.apply(said({ creditBytes: 150 }));
  equal(flight.batchCount, 2);
  equal(room.handedBytes, 150);
  flight.apply(said({ creditBytes: 50 }));
  equal(flight.batchCount, 1);
  deepEqual(flight.lose(), { durable: 0, bestEffort: 4 });
  deepEqual(losses.list(), [{ source: "front", route: "/bulk/*", reason: "engine-lost", count: 4 }]);
  equal(room.usedBytes, 0);
});

test("a best-effort record that the engine refused counts once, also when the engine dies after it", () => {
  const { flight, losses, send } = setUp();
  send(1, 100, 3);
  send(2, 100, 3);
  const settlements = [101, 200, 200, 99, 103, 203, 999].map((recordNumber) => ({ recordNumber, outcome: "refused" }) as const);
  flight.apply(said({ settlements: [...settlements, { recordNumber: 201, outcome: "spooled" }] }));
  deepEqual(losses.list(), [{ source: "front", route: "/bulk/*", reason: "refused", count: 2 }]);
  deepEqual(flight.lose(), { durable: 0, bestEffort: 4 });
  deepEqual(
    losses.list().map(({ reason, count }) => [reason, count]),
    [
      ["engine-lost", 4],
      ["refused", 2],
    ],
  );
});

test("credit for more than was handed over pays for nothing later", () => {
  const { flight, room, send } = setUp();
  send(1, 100, 1);
  flight.apply(said({ creditBytes: 500 }));
  equal(room.handedBytes, 0);
  send(2, 100, 1);
  equal(flight.batchCount, 1);
  flight.apply(said({ creditBytes: 1 }));
  equal(flight.batchCount, 1);
});

test("when the engine dies, every durable record in flight is lost, once", async () => {
  const { flight, room } = setUp();
  const settled = [1, 2, 3].map((number) => flight.settlement(number, 10));
  flight.apply(said({ settlements: [{ recordNumber: 2, outcome: "spooled" }] }));
  equal(flight.lose().durable, 2);
  equal(flight.lose().durable, 0);
  flight.apply(said({ settlements: [{ recordNumber: 1, outcome: "spooled" }] }));
  deepEqual(await Promise.all(settled), ["lost", "spooled", "lost"]);
  equal(room.promisedSpoolBytes, 0);
});

test("it is empty when all is credited and settled, or lost", async () => {
  const { flight, send } = setUp();
  await flight.emptied();
  send(1, 100, 1);
  const settled = flight.settlement(1, 10);
  const emptied = flight.emptied();
  flight.apply(said({ creditBytes: 100 }));
  equal(flight.isEmpty, false);
  flight.apply(said({ settlements: [{ recordNumber: 1, outcome: "spooled" }] }));
  await emptied;
  equal(await settled, "spooled");
  send(2, 100, 1);
  const lost = flight.emptied();
  flight.lose();
  await lost;
});

test("the event id of an agent's record is known while it is in flight", () => {
  const { flight, send } = setUp();
  send(1, 100, 1, new Map([[7, "event-7"]]));
  equal(flight.agentEventId(7), "event-7");
  equal(flight.agentEventId(8), undefined);
  flight.apply(said({ creditBytes: 100 }));
  equal(flight.agentEventId(7), undefined);
});
