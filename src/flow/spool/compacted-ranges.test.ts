/** Segments that are rewritten in any order, with others between them that are not: what the cursor keeps says it all. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { takeCompacted } from "./compacted-numbers.ts";
import { ConfirmedRanges, type NumberRange } from "./confirmed-ranges.ts";
import type { SlotState } from "./cursor-slot.ts";
import { FLAG_COMPACTED, type SegmentHeader } from "./format.ts";
import { segmentOf, type Segment } from "./segment.ts";

const SPAN = 8;
const SPANS = 6;
const ALL = Array.from({ length: SPAN * SPANS + 5 }, (_, index) => index + 1);

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("mark" as const), at: fc.integer({ min: 1, max: SPAN * SPANS }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("range" as const), at: fc.integer({ min: 1, max: SPAN * SPANS }), count: fc.nat(10) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("rewrite" as const), at: fc.nat(SPANS - 1), withNext: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("start" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

interface Span {
  readonly from: number;
  readonly to: number;
  frames: NumberRange[] | null;
}

class Model {
  ranges = new ConfirmedRanges(1, []);
  /** As the cursor on disk has them: written before each rewrite, and before some starts. */
  #saved: SlotState = { generation: 1, record: { version: 1, lowWater: 1, ranges: [], lanes: {}, outcomes: {}, turnedAway: {} } };
  readonly #done = new Set<number>();
  #spans: Span[] = Array.from({ length: SPANS }, (_, index) => ({ from: index * SPAN + 1, to: (index + 1) * SPAN + 1, frames: null }));

  act(each: Action): void {
    if (each.kind === "mark") {
      equal(this.ranges.add(each.at), !this.#done.has(each.at));
      this.#done.add(each.at);
    } else if (each.kind === "range") {
      const to = Math.min(each.at + each.count, SPAN * SPANS + 1);
      this.ranges.addRange(each.at, to);
      for (let at = each.at; at < to; at++) this.#done.add(at);
    } else if (each.kind === "rewrite") this.#rewrite(each.at, each.withNext);
    else this.#start();
    this.#check();
  }

  end(): void {
    this.#save();
    this.#start();
    this.#check();
  }

  #save(): void {
    const { lowWater, compactedBelow } = this.ranges;
    this.#saved = {
      generation: 1,
      record: {
        version: 1,
        lowWater,
        ranges: this.ranges.above().map(([from, to]) => [from, to] as const),
        compactedBelow,
        lanes: {},
        outcomes: {},
        turnedAway: {},
      },
    };
  }

  #rewrite(index: number, withNext: boolean): void {
    const first = this.#spans[index % this.#spans.length] as Span;
    const second = withNext ? this.#spans[this.#spans.indexOf(first) + 1] : undefined;
    const { from } = first;
    const { to } = second ?? first;
    // The state and the summary.
    for (const { from, to } of second === undefined ? [first] : [first, second]) {
      for (const at of [from, to - 1]) {
        this.ranges.add(at);
        this.#done.add(at);
      }
    }
    const kept = this.ranges.missing(from, to);
    this.#save();
    this.ranges.compacted({ from, to, frames: kept });
    this.#spans.splice(this.#spans.indexOf(first), second === undefined ? 1 : 2, { from, to, frames: kept });
  }

  /** What was marked since the cursor was written is forgotten. */
  #start(): void {
    if (typeof this.#saved !== "object") return;
    const { lowWater, ranges } = this.#saved.record;
    this.ranges = new ConfirmedRanges(lowWater, ranges);
    const segments = this.#spans.map(({ from, to, frames }): Segment => {
      const header = { baseSequence: from, flags: frames === null ? 0 : FLAG_COMPACTED } as SegmentHeader;
      return { ...segmentOf(header, ""), nextSequence: to, frames };
    });
    equal(takeCompacted(this.ranges, [this.#saved], segments), 0, "it is not older than the segments");
    for (const at of [...this.#done]) if (!this.ranges.has(at)) this.#done.delete(at);
  }

  #check(): void {
    deepEqual(
      ALL.filter((at) => this.ranges.has(at)),
      ALL.filter((at) => this.#done.has(at)),
    );
    equal(this.ranges.aboveCount, this.ranges.above().length);
    equal(
      this.ranges.lowWater,
      ALL.find((at) => !this.#done.has(at)),
    );
    for (const [index, [start, end]] of this.ranges.above().entries()) {
      ok(start < end && start >= (this.ranges.above()[index - 1]?.[1] ?? this.ranges.lowWater + 1), "sorted, and apart");
    }
  }
}

test("whatever is rewritten, marked and started in whatever order, the same numbers are done, and what is written is sorted", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const model = new Model();
      for (const each of actions) model.act(each);
      model.end();
    }),
    { numRuns: 3000 },
  );
});

test("what is done on both sides of where rewritten segments end is one range", () => {
  const ranges = new ConfirmedRanges(1, [[1, 2]]);
  ranges.compacted({ from: 1, to: 17, frames: [[2, 16]] });
  ranges.addRange(10, 18);
  deepEqual(ranges.above(), [[10, 18]]);
});
