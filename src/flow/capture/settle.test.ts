import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isSidestreamError } from "../../errors.ts";
import { SETTLE, SETTLE_HEADER_BYTES } from "./layout.ts";
import { SettleGatherer, decodeSettle, type ToldOutcome } from "./settle.ts";

const settlements = fc.array(
  fc.record(
    { recordNumber: fc.maxSafeNat(), outcome: fc.constantFrom<ToldOutcome>("spooled", "refused", "unreadable") },
    { noNullPrototype: true },
  ),
  { maxLength: 40 },
);

function gathered(
  list: readonly { recordNumber: number; outcome: ToldOutcome }[],
  creditBytes: number,
  roomBytes: number | null,
): ArrayBuffer | null {
  const gatherer = new SettleGatherer();
  for (const { recordNumber, outcome } of list) gatherer.settle(recordNumber, outcome);
  gatherer.credit(creditBytes);
  if (roomBytes !== null) gatherer.room(roomBytes);
  return gatherer.take();
}

test("credits, settlements and room come back as they were gathered, in order", () => {
  fc.assert(
    fc.property(settlements, fc.maxSafeNat(), fc.option(fc.maxSafeNat()), (list, creditBytes, roomBytes) => {
      const buffer = gathered(list, creditBytes, roomBytes);
      if (buffer === null) ok(list.length === 0 && creditBytes === 0 && roomBytes === null);
      else deepEqual(decodeSettle(buffer), { settlements: list, creditBytes, roomBytes });
    }),
  );
});

test("with nothing to tell there is no message, and what was taken is not told again", () => {
  const gatherer = new SettleGatherer();
  equal(gatherer.take(), null);
  gatherer.settle(1, "spooled");
  ok(gatherer.take() !== null);
  equal(gatherer.take(), null);
});

test("credits of one turn are added, of the room the last word counts", () => {
  const gatherer = new SettleGatherer();
  gatherer.credit(10);
  gatherer.credit(5);
  gatherer.room(100);
  gatherer.room(90);
  const buffer = gatherer.take();
  ok(buffer !== null);
  deepEqual(decodeSettle(buffer), { settlements: [], creditBytes: 15, roomBytes: 90 });
});

for (const [what, spoil, message] of [
  ["whose magic is wrong", (view: DataView) => view.setUint8(0, 0), /not a settle message/],
  ["of another version", (view: DataView) => view.setUint8(SETTLE.version, 9), /version 9/],
  ["with flags that are not known", (view: DataView) => view.setUint8(SETTLE.hasRoom, 2), /flags/],
  ["that is shorter than its count says", (view: DataView) => view.setUint32(SETTLE.settlementCount, 7, true), /7 settlements take/],
  ["whose credit is out of range", (view: DataView) => view.setUint32(SETTLE.creditBytes + 4, 0xffff_ffff, true), /out of range/],
  ["with an outcome that nobody knows", (view: DataView) => view.setUint32(SETTLE_HEADER_BYTES + 8, 9, true), /settlement at byte 32/],
] as const) {
  test(`a settle message ${what} is refused`, () => {
    const buffer = gathered([{ recordNumber: 5, outcome: "spooled" }], 10, 10);
    ok(buffer !== null);
    spoil(new DataView(buffer));
    throws(() => decodeSettle(buffer), { code: "SST_HANDOVER_INVALID", message });
  });
}

test("a settle message with any bytes changed or cut decodes or is refused by a clean error", () => {
  const valid = gathered(
    [
      { recordNumber: 5, outcome: "spooled" },
      { recordNumber: 6, outcome: "refused" },
    ],
    10,
    10,
  );
  ok(valid !== null);
  const changes = fc.array(fc.tuple(fc.nat({ max: valid.byteLength - 1 }), fc.nat({ max: 255 })), { maxLength: 6 });
  fc.assert(
    fc.property(changes, fc.option(fc.nat({ max: valid.byteLength })), (list, cutAt) => {
      const bytes = new Uint8Array(valid.slice(0));
      for (const [at, value] of list) bytes[at] = value;
      try {
        decodeSettle(bytes.buffer.slice(0, cutAt ?? bytes.length));
      } catch (error) {
        ok(isSidestreamError(error) && error.code === "SST_HANDOVER_INVALID", String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
