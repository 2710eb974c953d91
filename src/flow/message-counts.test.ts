import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { conservationBreaches } from "../observe/conservation.ts";
import { messageCounts } from "./message-counts.ts";
import type { DestinationLogStatus } from "./spool/log-status.ts";

const STATUS: DestinationLogStatus = {
  logId: "0".repeat(32),
  accepted: { audit: { diku: 10 } },
  pending: { audit: { diku: 3 } },
  outcomes: { audit: { diku: { delivered: 5, dead: 1, dropped: { damaged: 1 } } } },
  turnedAway: {
    audit: { diku: { delivered: 0, dead: 2, dropped: { "spool-full": 4 } }, other: { delivered: 0, dead: 0, dropped: { disk: 1 } } },
  },
  pendingCount: 1,
  damagedMessages: 1,
  usedBytes: 0,
  bytesMax: 1,
  segments: 1,
  nextSequence: 1,
  durableSequence: 1,
  confirmedSequence: 1,
  stopped: null,
};

test("messages that never reached the log count as accepted and as dead or dropped, and the sums add up", () => {
  const counts = messageCounts("kafka1", STATUS);
  deepEqual(counts, [
    {
      stream: "audit",
      tenant: "diku",
      destination: "kafka1",
      accepted: 16,
      delivered: 5,
      dead: 3,
      dropped: { damaged: 1, "spool-full": 4 },
      pending: 3,
    },
    { stream: "audit", tenant: "other", destination: "kafka1", accepted: 1, delivered: 0, dead: 0, dropped: { disk: 1 }, pending: 0 },
  ]);
  deepEqual(conservationBreaches(counts), []);
});

test("what came back from the dead letters is accepted once, counts where it is now, and isn't dead for it", () => {
  const outcome = (delivered: number, dead: number, dropped: Record<string, number> = {}) => ({ diku: { delivered, dead, dropped } });
  const counts = messageCounts("kafka1", {
    ...STATUS,
    accepted: { audit: { diku: 10 }, "redrive/audit": { diku: 6 }, "redrive/gone": { diku: 2 } },
    pending: { audit: { diku: 1 }, "redrive/audit": { diku: 2 }, "redrive/gone": { diku: 1 } },
    outcomes: {
      audit: outcome(4, 5),
      "redrive/audit": outcome(1, 2, { "drop-oldest": 1 }),
      "redrive/gone": outcome(1, 0),
    },
    turnedAway: { audit: outcome(0, 3) },
  });
  deepEqual(counts, [
    // Of 5 and 3 that died 6 came back, of which 2 died again.
    {
      stream: "audit",
      tenant: "diku",
      destination: "kafka1",
      accepted: 13,
      delivered: 5,
      dead: 4,
      dropped: { "drop-oldest": 1 },
      pending: 3,
    },
    // They had died in a log before this one.
    { stream: "gone", tenant: "diku", destination: "kafka1", accepted: 2, delivered: 1, dead: 0, dropped: {}, pending: 1 },
  ]);
  deepEqual(conservationBreaches(counts), []);
});
