import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { StoredMessage, TopicPage } from "../../driver/destination.ts";
import { KeyOrder } from "./key-order.ts";
import { firstPlaces, Ledger } from "./ledger.ts";
import { NumberRoom } from "./number-set.ts";
import { numbered } from "./testing/numbered.ts";

function page(partition: number, messages: readonly StoredMessage[], isFromBegin = true): TopicPage {
  return { partition, messages, isFromBegin, share: 1 };
}

interface Sent {
  readonly partition: number;
  readonly key: number;
  readonly sequence: number;
}

const sent = fc.record({
  partition: fc.integer({ min: 0, max: 2 }),
  key: fc.integer({ min: 0, max: 3 }),
  sequence: fc.integer({ min: 1, max: 60 }),
});

/** What a reader with all the memory in the world finds. */
function naive(messages: readonly Sent[]): { doubles: number; outOfOrder: number; missing: number[] } {
  const firsts = messages.filter(({ sequence }, index) => messages.findIndex((each) => each.sequence === sequence) === index);
  const isBehind = ({ partition, key, sequence }: Sent, index: number): boolean =>
    firsts.slice(0, index).some((before) => before.partition === partition && before.key === key && before.sequence > sequence);
  const seen = new Set(firsts.map(({ sequence }) => sequence));
  const [doubles, outOfOrder] = [messages.length - firsts.length, firsts.filter(isBehind).length];
  const last = Math.max(0, ...seen);
  return { doubles, outOfOrder, missing: Array.from({ length: last }, (_, index) => index + 1).filter((number) => !seen.has(number)) };
}

test("doubles, holes and disorder are those that a reader with unlimited memory finds", () => {
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 80 }), (messages) => {
      const ledger = new Ledger();
      for (const [offset, { partition, key, sequence }] of messages.entries())
        ledger.add(page(partition, [numbered({ sequence, key: `k${key}`, offset })]));
      const model = naive(messages);
      const [series] = ledger.series();
      if (series === undefined) return equal(messages.length, 0);
      const missing = [...series.seen.missing(1, series.seen.highest + 1)];
      deepEqual(
        { doubles: series.doubles, outOfOrder: series.outOfOrder, orderUnknown: series.orderUnknown },
        { doubles: model.doubles, outOfOrder: model.outOfOrder, orderUnknown: 0 },
      );
      deepEqual(
        missing.flatMap(([from, to]) => Array.from({ length: to - from }, (_, index) => from + index)),
        model.missing,
      );
    }),
  );
});

test("a message that is behind, of a key that was forgotten, is unsure; one that is ahead is not", () => {
  const ledger = new Ledger(null, new NumberRoom(), new KeyOrder(2));
  const order = [
    ["a", 5],
    ["b", 6],
    ["c", 7],
    ["a", 4],
    ["a", 8],
    ["b", 3],
  ] as const;
  ledger.add(
    page(
      0,
      order.map(([key, sequence], offset) => numbered({ key, sequence, offset })),
    ),
  );
  const [series] = ledger.series();
  deepEqual([series?.orderUnknown, series?.outOfOrder], [2, 0]);
});

test("logs, instances and streams are counted apart, and so are replays and what others wrote", () => {
  const ledger = new Ledger();
  ledger.add(
    page(0, [
      numbered({ sequence: 1 }),
      numbered({ sequence: 1, logId: "log-2" }),
      numbered({ sequence: 1, stream: "other" }),
      numbered({ sequence: 1, instance: "okapi-2", form: "binary" }),
      numbered({ sequence: 1, replay: true }),
      { offset: 9, key: "k", headers: [], value: Buffer.from("no event") },
      { offset: 10, key: "k", headers: [], value: null },
    ]),
  );
  deepEqual(
    ledger.series().map(({ instance, logId, stream, messages, doubles, replays }) => [instance, logId, stream, messages, doubles, replays]),
    [
      ["okapi-1", "log-1", "all", 1, 0, 1],
      ["okapi-1", "log-2", "all", 1, 0, 0],
      ["okapi-1", "log-1", "other", 1, 0, 0],
      ["okapi-2", "log-1", "all", 1, 0, 0],
    ],
  );
  deepEqual([ledger.messages, ledger.foreign], [7, 2]);
});

test("the first place of a double is found by reading again, until all are found", async () => {
  const messages = [1, 2, 3, 2, 3].map((sequence, offset) => numbered({ sequence, offset }));
  const ledger = new Ledger();
  ledger.add(page(4, messages));
  let pagesRead = 0;
  async function* again(): AsyncGenerator<TopicPage> {
    for (const message of messages) {
      pagesRead += 1;
      yield page(4, [message]);
    }
  }
  const places = await firstPlaces(ledger.doubles, again());
  deepEqual(
    ledger.doubles.map((double) => [double.sequence, double.offset, places.get(double)?.offset]),
    [
      [2, 3, 1],
      [3, 4, 2],
    ],
  );
  equal(pagesRead, 3);
});

test("numbers for which there is no room are counted as not checked", () => {
  const ledger = new Ledger(null, new NumberRoom(1));
  ledger.add(page(0, [numbered({ sequence: 1 }), numbered({ sequence: 10_000_000 })]));
  equal(ledger.unchecked, 1);
});
