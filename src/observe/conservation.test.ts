import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { conservationBreaches, conservationDifference } from "./conservation.ts";
import type { MessageCounts } from "./conservation.ts";

const balanced: MessageCounts = {
  stream: "users-audit",
  tenant: "diku",
  destination: "kafka1",
  accepted: 10,
  delivered: 5,
  dead: 1,
  dropped: { "drop-newest": 2, "drop-oldest": 1 },
  pending: 1,
};

test("messages that are all accounted for make no difference", () => {
  equal(conservationDifference(balanced), 0);
  deepEqual(conservationBreaches([balanced]), []);
});

test("a message that is nowhere is a positive difference", () => {
  equal(conservationDifference({ ...balanced, delivered: 4 }), 1);
});

test("a message that came from nowhere is a negative difference", () => {
  equal(conservationDifference({ ...balanced, pending: 3 }), -2);
});

test("a breach names its stream, tenant and destination", () => {
  deepEqual(conservationBreaches([balanced, { ...balanced, tenant: "testlib", dead: 0 }]), [
    { stream: "users-audit", tenant: "testlib", destination: "kafka1", difference: 1 },
  ]);
});

test("one breach doesn't hide behind another of the opposite sign", () => {
  equal(
    conservationBreaches([
      { ...balanced, dead: 0 },
      { ...balanced, dead: 2 },
    ]).length,
    2,
  );
});

test("however messages leave, the sum is right", () => {
  const ways = fc.array(fc.constantFrom("delivered", "dead", "drop-newest", "SST_SPOOL_FULL", "pending"), { maxLength: 200 });
  fc.assert(
    fc.property(ways, (left) => {
      const times = (way: string): number => left.filter((each) => each === way).length;
      const counts: MessageCounts = {
        ...balanced,
        accepted: left.length,
        delivered: times("delivered"),
        dead: times("dead"),
        dropped: { "drop-newest": times("drop-newest"), SST_SPOOL_FULL: times("SST_SPOOL_FULL") },
        pending: times("pending"),
      };
      return conservationDifference(counts) === 0;
    }),
  );
});
