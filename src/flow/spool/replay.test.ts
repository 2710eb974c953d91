/** Messages that are done, sent once more: which they are, what they look like, and what becomes of live ones. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { openArchived } from "./testing/archived-log.ts";
import { ids, KIB, named, type SmallLog } from "./testing/small-log.ts";
import { REPLAY_HEADER } from "../message/sent-again.ts";
import { countReplay, replayMessages, type ReplayFilter, type ReplaySettings } from "./replay.ts";

const ALL: ReplayFilter = { fromMs: null, toMs: null, stream: null, tenant: null, rule: null, eventId: null };

function settingsOf({ log }: SmallLog, over: Partial<ReplaySettings> = {}): ReplaySettings {
  const { signal } = new AbortController();
  const common = { history: log.history, filter: ALL, span: { next: 0, end: null }, waitMsMax: Number.POSITIVE_INFINITY, signal };
  return { ...common, into: log, topic: null, id: "replay-1", rate: 1_000_000, ...over };
}

test("what is counted is what is appended, behind what waits, marked and under a label of its own, and never once more", async () => {
  const { small } = await openArchived();
  await small.put(named("m", 20), { exactlyOnce: true });
  await small.confirm(({ eventId }) => eventId !== "event-m5");
  const filter = { ...ALL, stream: "users-audit" };
  const { rows } = await countReplay(settingsOf(small, { filter }));
  deepEqual(rows, [{ stream: "users-audit", tenant: "diku", topic: "users", messages: 19, bytes: 19 * 4 * KIB }]);
  const replayed = await replayMessages(settingsOf(small, { filter }));
  equal(replayed.appended, 19);
  equal(replayed.state, "done");
  await small.put(["live"]);
  const waiting = await small.waiting();
  const done = named("m", 20).filter((name) => name !== "m5");
  deepEqual(ids(waiting), ["m5", ...done, "live"]);
  const again = waiting.slice(1, -1);
  ok(again.every(({ stream, exactlyOnce }) => stream === "replay/users-audit" && exactlyOnce));
  deepEqual(
    again.map(({ sequence }) => sequence),
    done.map((_, index) => index + 1),
  );
  for (const { headers } of again)
    deepEqual(headers, [
      ["content-type", "application/cloudevents+json"],
      [REPLAY_HEADER, "replay-1"],
    ]);
  equal(waiting.at(-1)?.sequence, 21);
  await small.confirm(() => true);
  await small.books();
  const { rows: later } = await countReplay(settingsOf(small));
  equal(later[0]?.messages, 21);
  equal(later.length, 1);
  await small.close();
});

test("each filter leaves out what it doesn't name", async () => {
  const { small } = await openArchived();
  const over = (id: string) => {
    const index = Number(id.slice(1));
    return { tenant: index < 4 ? "a" : "b", rule: (index % 3) + 1, acceptedMs: 1_000 + index, stream: index < 10 ? "one" : "two" };
  };
  await small.put(named("m", 20), over);
  await small.confirm(() => true);
  const counted = async (filter: Partial<ReplayFilter>): Promise<number> => {
    const { rows } = await countReplay(settingsOf(small, { filter: { ...ALL, ...filter } }));
    return rows.reduce((sum, { messages }) => sum + messages, 0);
  };
  equal(await counted({}), 20);
  equal(await counted({ tenant: "a" }), 4);
  equal(await counted({ stream: "two" }), 10);
  equal(await counted({ rule: 1 }), 7);
  equal(await counted({ eventId: "event-m7" }), 1);
  equal(await counted({ fromMs: 1_005 }), 15);
  equal(await counted({ toMs: 1_005 }), 5);
  equal(await counted({ fromMs: 1_003, toMs: 1_005, tenant: "a" }), 1);
  await small.close();
});

test("a replay that ends early goes on where it was, into a topic of its own", async () => {
  const { small } = await openArchived();
  await small.put(named("m", 30));
  await small.confirm(() => true);
  const ending = new AbortController();
  ending.abort();
  let span = { next: 0, end: small.log.history.end };
  let pieces = 0;
  // A signal that is over lets nothing begin; with `waitMsMax` alone the clock of these tests stands still.
  const none = await replayMessages(settingsOf(small, { signal: ending.signal }));
  deepEqual([none.appended, none.state], [0, "more"]);
  for (const to of [8, 19, 31]) {
    const half = await replayMessages(settingsOf(small, { span: { ...span, end: Math.min(span.end, span.next + to) }, topic: "again" }));
    span = { next: half.span.next, end: span.end };
    pieces += half.appended;
  }
  pieces += (await replayMessages(settingsOf(small, { span, topic: "again" }))).appended;
  equal(pieces, 30);
  const waiting = await small.waiting();
  deepEqual(ids(waiting), named("m", 30));
  ok(waiting.every(({ topic }) => topic === "again"));
  await small.close();
});

test("a log is filled to half at most", async () => {
  const { small } = await openArchived({ bytesMax: 400 * KIB });
  for (let round = 0; round < 10; round += 1) {
    await small.put(named(`${round}-`, 10));
    await small.confirm(() => true);
  }
  const { log } = small;
  const ending = new AbortController();
  const into: ReplaySettings["into"] = {
    append: (message, acknowledging) => log.append(message, acknowledging),
    flush: () => log.flush(),
    status: () => log.status(),
    get roomBytes() {
      // Nobody makes room here: waiting for it ends at once.
      if (log.roomBytes < 206 * KIB) ending.abort();
      return log.roomBytes;
    },
  };
  const { appended, state } = await replayMessages(settingsOf(small, { into, signal: ending.signal }));
  ok(appended > 10 && appended < 60, `${appended}`);
  equal(state, "more");
  ok(small.log.roomBytes >= 200 * KIB - 8 * KIB);
  await small.close();
});
