import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { delivered } from "./testing/fixtures.ts";
import { FOLDER, ids, KIB, named, SmallLog } from "./testing/small-log.ts";

test("damage at the end of a segment whose other messages get done while it is counted doesn't stop the reading", async () => {
  for (const operation of ["open", "read"] as const) {
    const small = await SmallLog.open({ segmentBytesMax: 96 * KIB });
    await small.put(["m0"], { value: Buffer.alloc(60 * KIB, "m0") });
    await small.put(["m1"], { value: Buffer.alloc(40 * KIB, "m1") });
    await small.put(named("n", 3));
    const [name] = small.files();
    small.memory.damage(`${FOLDER}/${name ?? ""}`, (bytes) => {
      bytes.writeUInt8(0, bytes.indexOf("event-m1"));
      return bytes;
    });
    const first = await small.log.read(small.log.confirmedSequence, 1);
    deepEqual(ids(first.messages), ["m0"]);
    // The second read meets the damage, goes on to the next segment, and then counts what was lost.
    const opened = small.held.hold("open", name ?? "");
    const hold = operation === "open" ? opened : small.held.hold("read", name ?? "");
    const reading = small.log.read(first.nextSequence, 1);
    if (operation === "read") opened.release();
    void reading.catch(() => undefined);
    await hold.met;
    await small.log.confirm(first.messages.map(delivered));
    hold.release();
    await reading.catch(() => undefined);
    const again = await small.log.read(first.nextSequence, 1);
    deepEqual(ids(again.messages), named("n", 3), operation);
    ok(small.kinds().includes("damage"));
    const books = await small.books();
    deepEqual([books.accepted, books.delivered, books.dropped["damaged"]], [5, 1, 1], operation);
    equal(small.log.status().damagedMessages, 1);
    await small.close();
  }
});
