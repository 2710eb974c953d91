/** A tenant's share of a log's budget. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { isSidestreamError } from "../../errors.ts";
import type { Message } from "../message/message.ts";
import { OTHER_TENANTS } from "./log-state.ts";
import { PendingMessages } from "./pending-messages.ts";
import { FOLDER, ids, KIB, named, settled, SmallLog, type Over } from "./testing/small-log.ts";

const BYTES_MAX = 1024 * KIB;
const SHARE = 0.25;
const VALUE_BYTES = 4000;

const openUnshared = (over: Over = {}, seed = 1): Promise<SmallLog> =>
  SmallLog.open({ bytesMax: BYTES_MAX, segmentBytesMax: 64 * KIB, tenantShare: SHARE, ...over }, seed);

/** A log that more than one tenant is known to use. */
async function open(over: Over = {}, seed = 1): Promise<SmallLog> {
  const small = await openUnshared(over, seed);
  for (const tenant of ["one", "two"]) small.log.roomFor(tenant);
  return small;
}

/** Appends one message. @returns What it was refused with, or null. */
async function tryPut(small: SmallLog, tenant: string, over: Partial<Message> = {}): Promise<string | null> {
  const room = small.log.roomFor(tenant);
  try {
    const id = `${tenant}-${small.log.durableSequence}`;
    small.append(id, { tenant, value: Buffer.alloc(VALUE_BYTES, id), ...over });
  } catch (error) {
    ok(isSidestreamError(error));
    equal(room < 2 * VALUE_BYTES, true, `${room} bytes for ${tenant}, and refused with ${error.code}`);
    return error.code;
  }
  ok(room >= VALUE_BYTES, `${room} bytes for ${tenant}, and taken`);
  await small.log.flush();
  return null;
}

/** Appends until it is refused. @returns How many were taken, and why no more were. */
async function fill(
  small: SmallLog,
  tenant: string,
  countMax = 1000,
): Promise<{ readonly taken: number; readonly refusal: string | null }> {
  for (let taken = 0; taken < countMax; taken++) {
    const refusal = await tryPut(small, tenant);
    if (refusal !== null) return { taken, refusal };
  }
  return { taken: countMax, refusal: null };
}

const used = (small: SmallLog): number => small.log.status().usedBytes;

test("until the log is half full, one tenant may hold all of it; then it is held back, alone, and at the end of the budget all are", async () => {
  const small = await open();
  const first = await fill(small, "flood");
  equal(first.refusal, "SST_TENANT_SHARE");
  ok(used(small) > BYTES_MAX / 2 - 80 * KIB && used(small) < BYTES_MAX / 2 + 10 * KIB, `${used(small)} bytes`);
  equal(small.log.roomFor("flood"), 0);
  ok(small.log.heldBytes("flood") > BYTES_MAX * SHARE);
  // Others have room, each up to its share.
  const others: string[] = [];
  for (const tenant of ["a", "b", "c", "d"]) {
    const { taken, refusal } = await fill(small, tenant);
    others.push(refusal ?? "");
    if (refusal === "SST_TENANT_SHARE")
      ok(taken * VALUE_BYTES > BYTES_MAX * SHARE * 0.9 && taken * VALUE_BYTES <= BYTES_MAX * SHARE, `${taken} taken`);
  }
  deepEqual(others.slice(0, 1), ["SST_TENANT_SHARE"]);
  deepEqual(others.slice(-1), ["SST_SPOOL_FULL"]);
  equal(await tryPut(small, "e"), "SST_SPOOL_FULL");
  ok(used(small) <= BYTES_MAX);
  await small.books();
  await small.close();
});

test("what is refused takes no number and counts nowhere", async () => {
  const small = await open();
  await fill(small, "flood");
  const { accepted } = await small.books();
  const next = small.log.nextNumber("users-audit", "users");
  throws(() => small.append("refused", { tenant: "flood" }), { code: "SST_TENANT_SHARE", message: /flood has \d+ bytes waiting.*25 %/ });
  equal(small.log.nextNumber("users-audit", "users"), next);
  equal((await small.books()).accepted, accepted);
  deepEqual(Object.keys(small.log.status().turnedAway), []);
  equal(await tryPut(small, "other"), null);
  deepEqual((await small.waiting()).at(-1)?.sequence, next);
  await small.close();
});

test("a tenant is let in again once enough of what it has waiting left the log, however it left", async () => {
  for (const outcome of ["delivered", "dead", "dropped"] as const) {
    const small = await open();
    await fill(small, "flood");
    await fill(small, "other", 40);
    const before = small.log.heldBytes("flood");
    // A few are not enough: it is still over its share.
    await small.confirm(({ tenant, sequence }) => tenant === "flood" && sequence <= 3, {
      outcome,
      reason: outcome === "delivered" ? null : "why",
    });
    equal(await tryPut(small, "flood"), "SST_TENANT_SHARE");
    await small.confirm(({ tenant, sequence }) => tenant === "flood" && sequence % 2 === 0, { outcome, reason: "why" });
    ok(small.log.heldBytes("flood") < before * 0.6);
    equal(await tryPut(small, "flood"), null);
    await small.confirm(({ tenant }) => tenant === "flood", { outcome, reason: "why" });
    equal(small.log.heldBytes("flood"), 0);
    await small.close();
  }
});

test("what a tenant holds is the same after a start, also where half of a segment is done", async () => {
  for (const ending of ["close", "kill", "power"] as const) {
    const small = await open();
    await fill(small, "flood");
    await fill(small, "other", 40);
    await small.confirm(({ sequence }) => sequence % 5 === 0);
    const before = ["flood", "other"].map((tenant) => small.log.heldBytes(tenant));
    const waiting = await small.waiting();
    deepEqual(
      before,
      ["flood", "other"].map((name) =>
        waiting.filter(({ tenant }) => tenant === name).reduce((sum, { frameBytes }) => sum + frameBytes, 0),
      ),
    );
    await small.restart(ending);
    deepEqual(
      ["flood", "other"].map((tenant) => small.log.heldBytes(tenant)),
      before,
      ending,
    );
    equal(await tryPut(small, "flood"), "SST_TENANT_SHARE");
    equal(await tryPut(small, "other"), null);
    await small.close();
  }
});

test("what rewritten segments hold of a tenant counts, before and after a start", async () => {
  const small = await open({ parkBytes: 64 * KIB });
  for (let index = 0; index < 60; index++) {
    await tryPut(small, index % 6 === 0 ? "stuck" : "other");
    if (index % 10 === 9) await small.confirm(({ tenant }) => tenant === "other");
  }
  const bytes = (await small.waiting()).reduce((sum, { frameBytes }) => sum + frameBytes, 0);
  deepEqual([small.log.heldBytes("stuck"), small.log.heldBytes("other")], [bytes, 0]);
  for (const ending of ["close", "kill", "power"] as const) {
    await small.restart(ending);
    deepEqual([small.log.heldBytes("stuck"), small.log.heldBytes("other")], [bytes, 0], ending);
  }
  await small.confirm(() => true);
  equal(small.log.heldBytes("stuck"), 0);
  await small.close();
});

test("the share is of all that a tenant has waiting, over all streams and topics", async () => {
  const small = await open();
  for (let index = 0; (await tryPut(small, "flood", { stream: `stream-${index % 3}`, topic: `topic-${index % 2}` })) === null; index++);
  ok(small.log.heldBytes("flood") > BYTES_MAX * SHARE);
  equal(await tryPut(small, "flood", { stream: "another" }), "SST_TENANT_SHARE");
  await small.books();
  await small.close();
});

test("a tenant that has the log to itself may fill it, before and after a start, and then nobody finds room", async () => {
  const small = await openUnshared();
  const { refusal } = await fill(small, "flood");
  equal(refusal, "SST_SPOOL_FULL");
  ok(used(small) > BYTES_MAX * 0.9, `${used(small)} bytes`);
  await small.restart("kill");
  ok(small.log.roomFor("flood") < 2 * VALUE_BYTES);
  equal(small.log.roomFor("flood"), small.log.roomBytes, "it is not held back");
  equal(await tryPut(small, "second"), "SST_SPOOL_FULL");
  await small.books();
  await small.close();
});

test("what becomes free in a log that one tenant filled goes to a second one that asked for room, up to where the log is half full", async () => {
  const small = await openUnshared();
  await fill(small, "flood");
  equal(await tryPut(small, "second"), "SST_SPOOL_FULL");
  await small.confirm(({ sequence }) => sequence <= 40);
  equal(await tryPut(small, "flood"), "SST_TENANT_SHARE");
  const { taken } = await fill(small, "second");
  ok(taken > 20, `${taken} taken`);
  // The second one is in the books by now: also after a start.
  await small.restart("kill");
  equal(small.log.roomFor("flood"), 0);
  await small.confirm(({ tenant }) => tenant === "flood");
  equal(await tryPut(small, "flood"), null);
  await small.books();
  await small.close();
});

test("with `drop-oldest`, a tenant that has the log to itself gives way to itself alone", async () => {
  const small = await openUnshared({ whenFull: "drop-oldest" });
  for (let index = 0; index < 400; index++) {
    equal(await tryPut(small, "flood"), null);
    await settled();
  }
  ok(small.log.givenUp > 0);
  await small.books();
  await small.close();
});

test("without a share set, one tenant may fill the log", async () => {
  const { tenantShare: _, ...settings } = { tenantShare: SHARE, bytesMax: BYTES_MAX, segmentBytesMax: 64 * KIB };
  const small = await SmallLog.open(settings);
  const { refusal } = await fill(small, "flood");
  equal(refusal, "SST_SPOOL_FULL");
  await small.close();
});

test("what could not be written holds nothing", async () => {
  const small = await open();
  await fill(small, "flood", 20);
  const before = small.log.heldBytes("flood");
  small.failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") ? "ENOSPC" : null);
  for (const name of named("x", 5)) small.append(name, { tenant: "flood" });
  ok(small.log.heldBytes("flood") > before);
  await small.log.flush().catch(() => undefined);
  equal(small.log.heldBytes("flood"), before);
  small.failing.fail = () => null;
  let failures = 1;
  small.failing.fail = (operation, path) => (operation === "sync" && path.endsWith(".segment") && failures-- > 0 ? "EIO" : null);
  equal(await tryPut(small, "flood"), null);
  deepEqual(small.kinds(), ["rewritten"]);
  equal(
    small.log.heldBytes("flood"),
    (await small.waiting()).reduce((sum, { frameBytes }) => sum + frameBytes, 0),
  );
  await small.close();
});

test("damage that took a tenant's messages doesn't hold it back for good", async () => {
  const small = await open();
  await fill(small, "flood", 60);
  const [name] = small.files();
  small.memory.damage(`${FOLDER}/${name ?? ""}`, (bytes) => {
    bytes.fill(0, bytes.length / 4, bytes.length / 2);
    return bytes;
  });
  await small.waiting();
  await settled();
  ok(small.kinds().includes("damage"));
  await small.confirm(() => true);
  equal(small.log.heldBytes("flood"), 0);
  const { dropped, delivered } = await small.books();
  equal((dropped["damaged"] ?? 0) + delivered, 60);
  await small.close();
});

test("a log that gives up its oldest messages still holds a tenant back that is over its share", async () => {
  const small = await open({ whenFull: "drop-oldest" });
  const { refusal } = await fill(small, "flood");
  equal(refusal, "SST_TENANT_SHARE");
  for (let index = 0; index < 400; index++) {
    equal(await tryPut(small, `tenant-${index % 20}`), null);
    await settled();
  }
  equal(small.log.heldBytes("flood"), 0, "its messages were the oldest");
  equal(await tryPut(small, "flood"), null);
  await small.books();
  equal(ids(await small.waiting()).filter((id) => id.startsWith("flood")).length, 1);
  await small.close();
});

test("tenants that a log counts together hold nothing that is known of one of them", () => {
  const pending = new PendingMessages();
  pending.add("s", OTHER_TENANTS, 3, 3000);
  equal(pending.bytesOf(OTHER_TENANTS), 0);
  pending.add("s", "a", 2, 500);
  pending.add("t", "a", 1, 100);
  deepEqual([pending.bytesOf("a"), pending.meanBytesOf("a")], [600, 200]);
  pending.add("s", "a", -2, -700);
  equal(pending.bytesOf("a"), 0, "never less than nothing");
  pending.add("t", "a", -1, -50);
  deepEqual([pending.bytesOf("a"), pending.meanBytesOf("a")], [0, 0]);
  deepEqual(JSON.parse(JSON.stringify(pending.table())), { s: { [OTHER_TENANTS]: 3, a: 0 }, t: { a: 0 } });
});
