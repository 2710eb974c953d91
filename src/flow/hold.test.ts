import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Hold, holdText } from "./hold.ts";
import { disk } from "./spool/disk.ts";
import { FailingDisk, temporaryFolder } from "./spool/testing/fixtures.ts";

const ADA = { user: "ada", sinceMs: 1_795_000_000_000, reason: "new disks" };

test("a hold outlasts the program, until it is cleared; clearing again is harmless", async (t) => {
  const folder = temporaryFolder(t);
  const hold = await Hold.open(disk, folder, "out");
  equal(hold.now, null);
  await hold.set(ADA);
  deepEqual((await Hold.open(disk, folder, "out")).now, ADA);
  equal((await Hold.open(disk, folder, "other")).now, null);
  await hold.clear();
  await hold.clear();
  equal((await Hold.open(disk, folder, "out")).now, null);
  deepEqual(readdirSync(join(folder, "spool", "out")), []);
});

test("a disk that refuses leaves it as it was, and it can be tried again", async (t) => {
  const folder = temporaryFolder(t);
  const failing = new FailingDisk();
  const hold = await Hold.open(failing, folder, "out");
  for (const operation of ["create", "write", "rename", "syncFolder"]) {
    failing.fail = (each) => (each === operation ? "EIO" : null);
    await rejects(hold.set(ADA), { code: "SST_SPOOL_IO" });
    equal(hold.now, null);
  }
  failing.fail = () => null;
  await hold.set(ADA);
  failing.fail = (operation) => (operation === "remove" ? "EIO" : null);
  await rejects(hold.clear(), { code: "SST_SPOOL_IO" });
  deepEqual(hold.now, ADA);
  failing.fail = () => null;
  await hold.clear();
  equal((await Hold.open(disk, folder, "out")).now, null);
});

test("the text tells who, since when and why, as far as that is known", () => {
  equal(holdText(ADA), "held by ada since 2026-11-18T11:06:40.000Z: new disks");
  match(holdText({ ...ADA, sinceMs: 0, reason: null }), /^held by ada$/);
});
