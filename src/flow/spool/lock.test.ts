import { equal, rejects, throws } from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { disk } from "./disk.ts";
import { lockDataFolder, networkDisk } from "./lock.ts";
import { lockForReading } from "./read-lock.ts";
import { temporaryFolder } from "./testing/fixtures.ts";
import { guarantee } from "../../../tests/guarantees.ts";

guarantee({
  failure: "second-program",
  delivery: ["at-least-once", "exactly-once"],
  test: "a second process on the same folder is refused",
  lost: "nothing: it ends with `SST_SPOOL_LOCKED`. **On a copy of the folder nothing stops it, and messages are lost unseen**",
  doubled: "nothing. **On a copy: yes**",
  todo: "never run two copies of one data folder; a second instance gets an empty one",
});

/** Starts a process that locks the folder, and gives its first line. */
async function holder(t: TestContext, folder: string): Promise<{ readonly child: ChildProcess; readonly line: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "testing/lock-holder.ts"), folder], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, line };
}

test("a second process on the same folder is refused", async (t) => {
  const folder = temporaryFolder(t);
  const lock = await lockDataFolder(folder);
  equal((await holder(t, folder)).line, "SST_SPOOL_LOCKED");
  lock.release();
  equal((await holder(t, folder)).line, "locked");
});

test("a second lock in the same process is refused and leaves the first in force", async (t) => {
  const folder = temporaryFolder(t);
  const lock = await lockDataFolder(folder);
  await rejects(lockDataFolder(folder), { code: "SST_SPOOL_LOCKED" });
  equal((await holder(t, folder)).line, "SST_SPOOL_LOCKED");
  lock.release();
  lock.release();
  (await lockDataFolder(folder)).release();
});

test("the lock of a killed process is free at once, and what it left behind is no obstacle", async (t) => {
  const folder = temporaryFolder(t);
  const { child, line } = await holder(t, folder);
  equal(line, "locked");
  await rejects(lockDataFolder(folder), { code: "SST_SPOOL_LOCKED", message: `another process uses the data folder ${folder}` });
  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = await lockDataFolder(folder);
  equal((await holder(t, folder)).line, "SST_SPOOL_LOCKED");
  lock.release();
});

test("the lock's file is private, and the folder is made when it isn't there", async (t) => {
  const folder = join(temporaryFolder(t), "new", "data");
  const lock = await lockDataFolder(folder);
  equal(statSync(join(folder, "lock")).mode & 0o777, 0o600);
  equal(statSync(folder).mode & 0o777, 0o700);
  lock.release();
});

test("a file that is no lock is refused with the reason", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "lock"), Buffer.alloc(4096, "x"));
  await rejects(lockDataFolder(folder), { code: "SST_SPOOL_IO", message: /could not lock .*: file is not a database/ });
  mkdirSync(join(folder, "taken", "lock"), { recursive: true });
  await rejects(lockDataFolder(join(folder, "taken")), { code: "SST_SPOOL_IO" });
});

test("network file systems are known by their type", () => {
  equal(networkDisk(0x6969), "NFS");
  equal(networkDisk(0xff534d42), "CIFS");
  equal(networkDisk(0xff534d42 | 0), "CIFS", "also where the system gives it as a negative number");
  equal(networkDisk(0xef53), null);
});

test("a lock for reading is refused while a program runs, and keeps one from starting, also in another process", async (t) => {
  const folder = temporaryFolder(t);
  const { line, child } = await holder(t, folder);
  equal(line, "locked");
  throws(() => lockForReading(folder), { code: "SST_SPOOL_LOCKED" });
  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = lockForReading(folder);
  equal(lock.problem, null);
  equal((await holder(t, folder)).line, "SST_SPOOL_LOCKED");
  lock.release();
  equal((await holder(t, folder)).line, "locked");
});

test("a folder on a read-only mount is refused as read-only to who would write there, and locked for who reads", async (t) => {
  const folder = temporaryFolder(t);
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", folder], { stdio: "pipe" });
  } catch (error) {
    t.skip(`this user may not mount a file system here: ${String(error).split("\n")[0]}`);
    return;
  }
  try {
    const data = join(folder, "data");
    (await lockDataFolder(data)).release();
    execFileSync("mount", ["-o", "remount,ro", folder], { stdio: "pipe" });
    await rejects(lockDataFolder(data), { code: "SST_SPOOL_READ_ONLY", message: `${data} can't be written to` });
    await rejects(lockDataFolder(join(folder, "other")), { code: "SST_SPOOL_READ_ONLY", message: /could not create the folder .*EROFS/ });
    const reading = lockForReading(data);
    equal(reading.problem, null);
    reading.release();
    await rejects(disk.open(join(data, "file"), "create"), { code: "SST_SPOOL_READ_ONLY" });
  } finally {
    execFileSync("umount", [folder], { stdio: "pipe" });
  }
});
