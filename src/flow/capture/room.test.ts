import { equal, ok } from "node:assert/strict";
import { mock, test, type TestContext } from "node:test";
import fc from "fast-check";
import type { Reservation } from "../../driver/source.ts";
import { Room, type RoomBounds } from "./room.ts";

function openRoom(bytesMax: number, bounds: Omit<RoomBounds, "bytesMax"> = {}): Room {
  const room = new Room({ bytesMax, ...bounds });
  room.resume();
  return room;
}

/** Timers that only move when told to. */
function mockTimers(context: TestContext): void {
  context.mock.timers.enable({ apis: ["setTimeout"] });
}

async function reserved(room: Room, bytes: number, waitMs = 0): Promise<Reservation> {
  const reservation = await room.reserve(bytes, waitMs);
  ok(reservation !== null);
  return reservation;
}

test("a reservation released twice, or after it was used, gives its room back once", async () => {
  const room = openRoom(100);
  const first = await reserved(room, 40);
  const second = await reserved(room, 40);
  first.release();
  first.release();
  equal(room.usedBytes, 40);
  ok(room.exchange(second, 30));
  second.release();
  equal(room.usedBytes, 30);
  equal(room.reservedBytes, 0);
});

test("a reservation that was used up gives nothing the second time", async () => {
  const room = openRoom(100);
  const reservation = await reserved(room, 60);
  ok(room.exchange(reservation, 60));
  equal(room.exchange(reservation, 60), false);
  equal(room.usedBytes, 60);
});

test("a reservation of another ledger counts for nothing here", async () => {
  const room = openRoom(100);
  const other = openRoom(100);
  const foreign = await reserved(other, 80);
  ok(room.hold(50));
  equal(room.exchange(foreign, 80), false);
  equal(room.usedBytes, 50);
  equal(other.usedBytes, 80);
});

test("a record larger than its reservation needs free room", async () => {
  const room = openRoom(100);
  const small = await reserved(room, 10);
  ok(room.exchange(small, 50));
  const another = await reserved(room, 10);
  equal(room.exchange(another, 51), false);
  equal(room.usedBytes, 50);
});

test("a request larger than the whole room is answered at once", async () => {
  equal(await openRoom(100).reserve(101, 60_000), null);
});

test("a wait of zero asks once", async () => {
  const room = openRoom(100);
  ok(room.hold(100));
  equal(await room.reserve(1, 0), null);
});

test("waiters get room in the order they asked, a small one not before a large one", async (context) => {
  mockTimers(context);
  const room = openRoom(100);
  ok(room.hold(90));
  const order: string[] = [];
  const large = room.reserve(50, 1000).then(() => order.push("large"));
  const small = room.reserve(5, 1000).then(() => order.push("small"));
  room.unhold(20);
  await Promise.resolve();
  equal(order.length, 0);
  room.unhold(70);
  await Promise.all([large, small]);
  equal(order.join(), "large,small");
});

test("a waiter ends with null at its deadline, and the one behind it that fits is granted", async (context) => {
  mockTimers(context);
  const room = openRoom(100);
  ok(room.hold(90));
  const large = room.reserve(50, 100);
  const small = room.reserve(5, 1000);
  context.mock.timers.tick(100);
  equal(await large, null);
  ok((await small) !== null);
  equal(room.waiterCount, 0);
});

test("the wait line is bounded: who finds it full is answered at once", async (context) => {
  mockTimers(context);
  const room = openRoom(10, { waitersMax: 2 });
  ok(room.hold(10));
  void room.reserve(1, 1000);
  void room.reserve(1, 1000);
  equal(await room.reserve(1, 1000), null);
  equal(room.waiterCount, 2);
});

test("best-effort never takes the room that the first waiter needs", (context) => {
  mockTimers(context);
  const room = openRoom(100);
  ok(room.hold(60));
  void room.reserve(50, 1000);
  equal(room.hold(1), false);
  equal(room.hand(1), false);
  equal(room.usedBytes, 60);
});

test("reservations and what is unsettled stay within the spool's room", async (context) => {
  mockTimers(context);
  const room = openRoom(1000);
  room.setSpoolRoom(100);
  const first = await reserved(room, 60);
  ok(room.exchange(first, 50));
  equal(await room.reserve(60, 0), null);
  const waiting = room.reserve(60, 1000);
  // Credited, but not on disk yet: it still counts against the spool.
  room.credit(50);
  equal(room.waiterCount, 1);
  room.settled(50);
  ok((await waiting) !== null);
});

test("a small record counts for all that its messages may take of the spool, until it settled", async () => {
  const room = openRoom(1000, { spoolBytesPerRecord: 100 });
  room.setSpoolRoom(250);
  const first = await reserved(room, 10);
  const second = await reserved(room, 10);
  equal(await room.reserve(10, 0), null);
  ok(room.exchange(first, 8));
  equal(await room.reserve(10, 0), null);
  room.settled(8);
  second.release();
  equal(room.promisedSpoolBytes, 0);
});

test("more room in the spool lets waiters in", async (context) => {
  mockTimers(context);
  const room = openRoom(1000);
  room.setSpoolRoom(0);
  const waiting = room.reserve(60, 1000);
  ok(room.hand(10), "best-effort needs no room in the spool");
  room.setSpoolRoom(60);
  ok((await waiting) !== null);
});

test("while the engine is down nothing is granted, and its return within the deadline is in time", async (context) => {
  mockTimers(context);
  const room = openRoom(100);
  room.pause();
  equal(await room.reserve(1, 0), null);
  const late = room.reserve(1, 100);
  const inTime = room.reserve(1, 1000);
  context.mock.timers.tick(500);
  equal(await late, null);
  room.resume();
  ok((await inTime) !== null);
});

test("closing ends all waits and refuses new ones", async () => {
  const room = openRoom(10);
  ok(room.hold(10));
  const waiting = room.reserve(5, 60_000);
  room.close();
  equal(await waiting, null);
  room.unhold(10);
  equal(await room.reserve(5, 60_000), null);
  room.resume();
  equal(await room.reserve(5, 60_000), null);
});

type Step =
  | { readonly do: "reserve" | "hold" | "hand"; readonly bytes: number; readonly waitMs: number }
  | { readonly do: "release" | "exchange" | "unhold" | "credit" | "settle"; readonly pick: number; readonly bytes: number }
  | { readonly do: "tick" | "spool"; readonly amount: number }
  | { readonly do: "pause" | "resume" | "die" };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom("reserve" as const, "hold" as const, "hand" as const),
    bytes: fc.integer({ min: 0, max: 120 }),
    waitMs: fc.nat({ max: 50 }),
  }),
  fc.record({
    do: fc.constantFrom("release" as const, "exchange" as const, "unhold" as const, "credit" as const, "settle" as const),
    pick: fc.nat(),
    bytes: fc.nat({ max: 60 }),
  }),
  fc.record({ do: fc.constantFrom("tick" as const, "spool" as const), amount: fc.nat({ max: 200 }) }),
  fc.record({ do: fc.constantFrom("pause" as const, "resume" as const, "die" as const) }),
);

/** Drives a ledger by steps and checks what must hold after each. */
class Driver {
  readonly room = openRoom(100, { spoolBytesPerRecord: 20 });
  readonly reservations: Reservation[] = [];
  readonly held: number[] = [];
  readonly handed: number[] = [];
  readonly unsettled: number[] = [];
  asked = 0;
  ended = 0;

  async run(steps: readonly Step[]): Promise<void> {
    for (const next of steps) {
      this.#apply(next);
      // Twice: once for the answer, once for what waits on it.
      await Promise.resolve();
      await Promise.resolve();
      ok(this.room.usedBytes <= this.room.bytesMax, "never over the maximum");
      ok(this.room.heldBytes >= 0 && this.room.reservedBytes >= 0 && this.room.handedBytes >= 0 && this.room.promisedSpoolBytes >= 0);
      equal(this.ended + this.room.waiterCount, this.asked, "each request ended or waits");
    }
    this.#freeAll();
    await Promise.resolve();
    await Promise.resolve();
    equal(this.room.waiterCount, 0, "with all room free, nobody waits");
    equal(this.ended, this.asked);
    for (const reservation of this.reservations) reservation.release();
    equal(this.room.usedBytes, 0, "all that was taken came back");
    equal(this.room.promisedSpoolBytes, 0, "no room of the spool is promised any more");
  }

  #apply(next: Step): void {
    switch (next.do) {
      case "reserve":
        this.#reserve(next.bytes, next.waitMs);
        return;
      case "hold":
        if (this.room.hold(next.bytes)) this.held.push(next.bytes);
        return;
      case "hand":
        if (this.room.hand(next.bytes)) this.handed.push(next.bytes);
        return;
      case "tick":
        mock.timers.tick(next.amount);
        return;
      case "spool":
        this.room.setSpoolRoom(next.amount);
        return;
      case "pause":
        this.room.pause();
        return;
      case "resume":
        this.room.resume();
        return;
      case "die":
        this.handed.length = 0;
        this.unsettled.length = 0;
        this.room.forgetHandedOver();
        return;
      default:
        this.#giveBack(next);
    }
  }

  #reserve(bytes: number, waitMs: number): void {
    this.asked += 1;
    void this.room.reserve(bytes, waitMs).then((reservation) => {
      this.ended += 1;
      if (reservation !== null) this.reservations.push(reservation);
    });
  }

  #giveBack(next: Extract<Step, { pick: number }>): void {
    const take = (list: number[]): number => list.splice(next.pick % Math.max(1, list.length), 1)[0] ?? 0;
    const reservation = this.reservations[next.pick % Math.max(1, this.reservations.length)];
    if (next.do === "unhold") this.room.unhold(take(this.held));
    else if (next.do === "credit") this.room.credit(take(this.handed));
    else if (next.do === "settle") this.room.settled(take(this.unsettled));
    // The reservation stays in the list: it is released, or used, again.
    else if (next.do === "release") reservation?.release();
    else if (reservation !== undefined && this.room.exchange(reservation, next.bytes)) {
      this.handed.push(next.bytes);
      this.unsettled.push(next.bytes);
    }
  }

  #freeAll(): void {
    this.room.setSpoolRoom(1_000_000);
    this.room.resume();
    for (const bytes of this.held) this.room.unhold(bytes);
    for (const bytes of this.handed) this.room.credit(bytes);
    for (const bytes of this.unsettled) this.room.settled(bytes);
    // Each release may grant to a waiter, whose reservation is then released in turn.
    for (let round = 0; round < 100; round += 1) for (const reservation of this.reservations) reservation.release();
    mock.timers.tick(0);
    mock.timers.tick(60);
  }
}

test("whatever happens, the room is never exceeded, every waiter ends, and all comes back", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        await new Driver().run(steps);
      }),
      { numRuns: 500 },
    );
  } finally {
    mock.timers.reset();
  }
});

test("a waiter at the head is granted as soon as what is free covers it, whatever best-effort asks for meanwhile", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 100 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 30 }),
        async (wanted, sizes) => {
          const room = openRoom(100);
          const held: number[] = [];
          for (const bytes of sizes) if (room.hold(bytes)) held.push(bytes);
          const waiting = room.reserve(wanted, 1_000_000);
          for (const bytes of held) {
            // Best-effort asks for all that gets free, each time, before the waiter could be asked again.
            room.unhold(bytes);
            for (const again of sizes) if (room.hold(again)) held.push(again);
            if (room.waiterCount === 0) break;
          }
          ok((await waiting) !== null);
        },
      ),
      { numRuns: 300 },
    );
  } finally {
    mock.timers.reset();
  }
});
