import { deepEqual, match } from "node:assert/strict";
import { test } from "node:test";
import { outcomeText } from "./report.ts";
import { SHORT, sizeOf } from "./size.ts";
import { verdictOf, type Outcome } from "./verdict.ts";

const none = { count: 0, named: [] };

/** A run in which all went well. */
const GOOD: Outcome = {
  seed: 1,
  nodes: 1,
  delivery: "exactly-once",
  size: SHORT,
  seconds: 90,
  requests: { sent: 5_200, answered: 5_100, largeAnswered: 120, largeSent: 123 },
  faults: SHORT.faults,
  moments: { any: 17 },
  momentsMissed: 0,
  kills: 11,
  lives: 12,
  recoveries: { inDoubt: 30, missingState: 3, had: 200 },
  judgement: { read: 4_980, distinct: 4_980, lost: none, doubled: none, reordered: none, strange: none },
  status: { totals: { accepted: 5_101, delivered: 4_980, dead: 121, dropped: 0, pending: 0 }, breaches: [] },
  lanesBlocked: 0,
  fsck: "",
  deaths: [],
  failure: null,
  leftOut: [],
  warnings: {},
};

const one = (name: string) => ({ count: 1, named: [name] });
const judged = (changed: Partial<NonNullable<Outcome["judgement"]>>) => ({
  ...(GOOD.judgement as NonNullable<Outcome["judgement"]>),
  ...changed,
});
const counted = (changed: Partial<NonNullable<Outcome["status"]>["totals"]>): Partial<Outcome> => ({
  status: { totals: { ...(GOOD.status as NonNullable<Outcome["status"]>).totals, ...changed }, breaches: [] },
});

test("a run that kept every promise passes, and says so", () => {
  deepEqual(verdictOf(GOOD), { broken: [], noTest: [] });
  match(outcomeText(GOOD), /^every promise was kept$/m);
});

for (const [what, changed, says] of [
  ["a lost message", { judgement: judged({ lost: one("7") }) }, /^1 answered requests are lost: 7$/],
  ["a doubled message", { judgement: judged({ doubled: one("7 of a at 0:9") }) }, /^1 messages came again, 0 may: 7 of a at 0:9$/],
  ["a message out of order", { judgement: judged({ reordered: one("7 of a") }) }, /^1 messages are out of order/],
  ["a message that nobody sent", { judgement: judged({ strange: one("99") }) }, /^1 messages are there that nobody sent/],
  ["a topic that can't be read", { judgement: null }, /did not read the topic/],
  ["a pending message", counted({ delivered: 4_979, pending: 1, accepted: 5_101 }), /^1 messages are pending/],
  ["a dropped message", counted({ accepted: 5_102, dropped: 1 }), /^1 messages were dropped/],
  ["a message that is nowhere", counted({ accepted: 5_102 }), /not accounted for/],
  ["too few dead letters", counted({ accepted: 5_099, dead: 119 }), /^119 messages are dead, expected 120 to 123/],
  ["a count that isn't what was read", counted({ accepted: 5_102, delivered: 4_981 }), /^4981 messages count as delivered and 4980/],
  ["a blocked lane", { lanesBlocked: 2 }, /^2 lanes are blocked/],
  ["an unsound spool", { fsck: "damage" }, /^the spool is not sound: damage$/],
  ["an end by itself", { deaths: ["it ended with 70"] }, /^Sidestream ended by itself/],
  ["no status", { status: null }, /told no status/],
] as const satisfies readonly (readonly [string, Partial<Outcome>, RegExp])[]) {
  test(`${what} breaks a promise`, () => {
    const outcome = { ...GOOD, ...changed };
    match(verdictOf(outcome).broken[0] ?? "", says);
    match(outcomeText(outcome), /^BROKEN: /m);
  });
}

test("at least once, what was in flight at a kill may come again, and no more", () => {
  const doubled = (count: number): Outcome => ({
    ...GOOD,
    delivery: "at-least-once",
    judgement: judged({ doubled: { count, named: ["7"] } }),
  });
  deepEqual(verdictOf(doubled(1_100)).broken, []);
  match(verdictOf(doubled(1_101)).broken[0] ?? "", /^1101 messages came again, 1100 may/);
});

test("a run with too little of anything is no test", () => {
  const { noTest, broken } = verdictOf({
    ...GOOD,
    requests: { ...GOOD.requests, answered: 4_999 },
    kills: 8,
    faults: { cut: 1 },
    recoveries: { inDoubt: 7, missingState: 0, had: 0 },
    failure: "it took too long",
  });
  deepEqual(broken, []);
  deepEqual(noTest, [
    "the run was given up: it took too long",
    "4999 answered requests, 5000 wanted",
    "8 kills of Sidestream, 9 wanted",
    "0 kills of brokers, 1 wanted",
    "1 cuts, 3 wanted",
    "0 stops, 2 wanted",
    "7 recoveries with messages in doubt, 8 wanted",
    "0 of these with missing producer state, 1 wanted",
  ]);
});

test("the long form is what it has to be, with one broker and with three", () => {
  for (const { events, minima } of [sizeOf(12, 1), sizeOf(20, 3)]) {
    deepEqual(events, 250_000);
    deepEqual(minima, {
      recoveries: 50,
      missingState: 5,
      kills: 100,
      groups: { "kills of brokers": 20, cuts: 22, stops: 20 },
    });
  }
});
