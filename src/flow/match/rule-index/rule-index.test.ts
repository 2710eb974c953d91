import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluate } from "../evaluate.ts";
import type { Criteria } from "../rule.ts";
import type { EventAttributes } from "./event-input.ts";
import { viewOf } from "./event-view.ts";
import { RuleIndex } from "./rule-index.ts";
import { eventCriteria, events } from "./testing/random-events.ts";

/** Rules come and go, and after each change the index says what looking at each rule by itself says. */
test("the index says what looking at each rule by itself says, while rules come and go", () => {
  const steps = fc.array(
    fc.record({
      add: fc.array(eventCriteria, { maxLength: 30 }),
      remove: fc.array(fc.nat(), { maxLength: 12 }),
      events: fc.array(events, { minLength: 1, maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const index = new RuleIndex<number>();
      const live = new Map<number, Criteria>();
      let next = 0;
      for (const { add, remove, events } of all) {
        for (const criteria of add) {
          live.set(next, criteria);
          index.add(next, { criteria });
          next += 1;
        }
        for (const pick of remove) {
          const id = pick % Math.max(1, next);
          live.delete(id);
          index.remove(id);
        }
        for (const event of events) agree(index, live, event);
      }
    }),
    { numRuns: 400 },
  );
});

function agree(index: RuleIndex<number>, live: ReadonlyMap<number, Criteria>, event: EventAttributes): void {
  const view = viewOf(event);
  const expected = [...live].filter(([, criteria]) => evaluate(criteria, view) === true).map(([id]) => id);
  const sorted = (ids: readonly number[]): readonly number[] => ids.toSorted((left, right) => left - right);
  deepEqual(sorted(index.match(event)), expected);
  deepEqual(sorted(index.matchJson(JSON.stringify(event))), expected);
}
