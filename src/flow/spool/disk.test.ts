import { deepEqual, equal, rejects } from "node:assert/strict";
import { constants, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { disk, diskError, systemCode } from "./disk.ts";
import { temporaryFolder } from "./testing/fixtures.ts";

const system = (code: string) => Object.assign(new Error(`${code}: in the system's words`), { code });

test("a refused write is told from a failed one, with the operation, the path and the system's code", () => {
  const table = [
    ["write to", "ENOSPC", "SST_SPOOL_IO"],
    ["write to", "EDQUOT", "SST_SPOOL_IO"],
    ["write to", "EROFS", "SST_SPOOL_READ_ONLY"],
    ["sync", "EIO", "SST_SPOOL_IO"],
    ["create", "EACCES", "SST_SPOOL_READ_ONLY"],
    ["create the folder", "EROFS", "SST_SPOOL_READ_ONLY"],
    ["open", "EPERM", "SST_SPOOL_READ_ONLY"],
    ["read", "EACCES", "SST_SPOOL_IO"],
    ["list", "EACCES", "SST_SPOOL_IO"],
  ] as const;
  for (const [operation, code, expected] of table) {
    const error = diskError(operation, "/data/spool/out/cursor-0", system(code));
    equal(error.code, expected, `${operation} ${code}`);
    equal(error.message.startsWith(`could not ${operation} /data/spool/out/cursor-0: ${code}`), true, error.message);
    equal(systemCode(error), code);
  }
  equal(diskError("create", "/data/lock", system("EACCES")).message, "could not create /data/lock: EACCES (/data can't be written to)");
  equal(systemCode(new Error("not of the disk")), undefined);
});

test("files and folders are private", async (t) => {
  const folder = join(temporaryFolder(t), "a", "b");
  await disk.makeFolder(folder);
  await disk.makeFolder(folder);
  await (await disk.open(join(folder, "file"), "create")).close();
  equal(statSync(join(folder, "file")).mode & 0o777, 0o600);
  equal(statSync(folder).mode & 0o777, 0o700);
  await rejects(disk.makeFolder(join(folder, "file")), { code: "SST_SPOOL_IO", message: /EEXIST/ });
  await rejects(disk.makeFolder(join(folder, "file", "below")), { code: "SST_SPOOL_IO", message: /EEXIST/ });
});

test("a file is made once, and a missing one is an error", async (t) => {
  const folder = temporaryFolder(t);
  await (await disk.open(join(folder, "file"), "create")).close();
  await rejects(disk.open(join(folder, "file"), "create"), { code: "SST_SPOOL_IO", message: /EEXIST/ });
  await rejects(disk.open(join(folder, "none"), "read"), { code: "SST_SPOOL_IO", message: /ENOENT/ });
  await rejects(disk.remove(join(folder, "none")), { code: "SST_SPOOL_IO" });
  await rejects(disk.rename(join(folder, "none"), join(folder, "other")), { code: "SST_SPOOL_IO" });
  await rejects(disk.list(join(folder, "none")), { code: "SST_SPOOL_IO" });
  await rejects(disk.syncFolder(join(folder, "none")), { code: "SST_SPOOL_IO" });
  await rejects(disk.exists(join(folder, "file", "below")), { code: "SST_SPOOL_IO", message: /ENOTDIR/ });
  equal(await disk.exists(join(folder, "none")), false);
});

test("a read ends at the file's end, a cut shortens it, and folders are told from files", async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "log"));
  writeFileSync(join(folder, "stray"), "abcdef");
  deepEqual(await disk.listFolders(folder), ["log"]);
  const file = await disk.open(join(folder, "stray"), "write");
  const target = Buffer.alloc(10);
  equal(await file.read(target, 2), 4);
  equal(target.toString("latin1", 0, 4), "cdef");
  await file.truncate(3);
  equal(await file.size(), 3);
  await file.write(Buffer.from("xy"), 1);
  await file.sync();
  await file.close();
  equal(
    await file.read(target, 0).then(
      () => "read",
      (error: { code: string }) => error.code,
    ),
    "SST_SPOOL_IO",
  );
});

/** Flags that the kernel has for a file that this process opened. */
function flagsOf(path: string): number {
  const handle = readdirSync("/proc/self/fd").find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });
  return Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${handle}`, "utf8"))?.[1] ?? "0", 8);
}

test("what is written to a file is synced by the same call", { skip: process.platform !== "linux" }, async (t) => {
  const path = join(temporaryFolder(t), "file");
  for (const mode of ["create", "write"] as const) {
    const file = await disk.open(path, mode);
    equal(flagsOf(path) & constants.O_DSYNC, constants.O_DSYNC, mode);
    await file.writeSynced(Buffer.from("whole"), 0);
    await file.close();
  }
  equal(readFileSync(path, "utf8"), "whole");
});
