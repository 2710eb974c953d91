/**
 * Real file systems for one test: a few MiB that can be filled to the last byte, lose power, turn read-only or run out
 * of blocks behind the system's back.
 *
 * A process of its own takes every mount away again, once its input ends: after the test, and also when the test's
 * process is killed.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compiled } from "./compiled.ts";
import type { TestHost } from "./test-host.ts";

const FILL_BYTES = 64 * 1024;
const FILL_TRIES_MAX = 20;
/**
 * What was mounted is taken away in the other order. A mount that is still in use goes with its last user; when the
 * test's process was killed, programs that it had started there are users that nobody else ends.
 */
const TAKE_AWAY = `read -r how
users() { ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v there=" -> $0/" '/^\\/proc/ { split($0, part, "/") } index($0, there) { print part[3] }' | sort -u; }
[ "$how" = ended ] || for user in $(users); do kill -9 "$user"; done
for mount in "$0/disk" "$0/under"; do umount "$mount" 2>/dev/null || umount -l "$mount" 2>/dev/null; rmdir "$mount" 2>/dev/null; done
rm -f "$0/image"; rmdir "$0"`;

export class MountedDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #ballast: string;
  #ballastBytes = 0;

  constructor(path: string) {
    this.path = path;
    this.#ballast = join(path, "ballast");
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Another file takes all that is left, but for this. True when it took anything. */
  fill(leftBytes = 0): boolean {
    const before = this.#ballastBytes;
    const file = openSync(this.#ballast, "a");
    try {
      // A sync may give back what the system had kept for its own use.
      for (let tries = 0; tries < FILL_TRIES_MAX && this.#append(file); tries++) fsyncSync(file);
      if (leftBytes > 0) ftruncateSync(file, (this.#ballastBytes = Math.max(0, this.#ballastBytes - leftBytes)));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return this.#ballastBytes > before;
  }

  makeRoom(): void {
    rmSync(this.#ballast, { force: true });
    this.#ballastBytes = 0;
  }

  /** Writes until nothing more is taken; false when nothing was. */
  #append(file: number): boolean {
    const before = this.#ballastBytes;
    for (let bytes = FILL_BYTES; bytes >= 1;) {
      try {
        this.#ballastBytes += writeSync(file, Buffer.alloc(bytes, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        bytes = Math.floor(bytes / 4);
      }
    }
    return this.#ballastBytes > before;
  }
}

export class Ext4Disk extends MountedDisk {
  readonly #image: string;

  constructor(path: string, image: string) {
    super(path);
    this.#image = image;
  }

  /** The power is lost: what was not synced is gone, and every operation fails until it is mounted again. */
  losePower(): void {
    must(compiled("go-down.c", []), this.path);
  }

  /** The system met an error on the disk and lets nobody write any more, in the midst of all. */
  turnReadOnly(): void {
    must("mount", "-o", "remount,abort", this.path);
  }

  /** As after a new start of the machine. Nobody may have a file open there. */
  mountAgain(): void {
    must("umount", this.path);
    // What it mends is no error.
    const { status, stdout } = spawnSync("e2fsck", ["-p", this.#image], { encoding: "utf8" });
    if (status === null || status > 1) throw new Error(`the file system itself is damaged: ${stdout}`);
    must("mount", "-o", "loop", this.#image, this.path);
  }
}

/** An ext4 whose own disk has fewer blocks than it says: writes are taken, and fail when they are to last. */
export class ThinDisk extends Ext4Disk {
  readonly #under: string;

  constructor(path: string, under: string) {
    super(path, join(under, "image"));
    this.#under = under;
  }

  /** From now on no block is given that was never used before. */
  runOut(): void {
    const { blocks, bavail, bsize } = statfsSync(this.#under);
    must("mount", "-o", `remount,size=${(blocks - bavail) * bsize}`, this.#under);
  }

  addBlocks(bytes: number): void {
    must("mount", "-o", `remount,size=${bytes}`, this.#under);
  }
}

/** A disk in memory. Null where mounting is refused: the test is skipped then. */
export function mountTmpfs(test: TestHost, bytes: number): MountedDisk | null {
  const folder = guardedFolder(test);
  return isMounted(test, "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", join(folder, "disk"))
    ? new MountedDisk(join(folder, "disk"))
    : null;
}

/** Null as above. */
export function mountExt4(test: TestHost, bytes: number): Ext4Disk | null {
  const folder = guardedFolder(test);
  const image = join(folder, "image");
  if (!makeExt4(test, image, bytes)) return null;
  return isMounted(test, "-o", "loop", image, join(folder, "disk")) ? new Ext4Disk(join(folder, "disk"), image) : null;
}

/** Null as above. @param underBytes - What its own disk really has, until it runs out. */
export function mountThin(test: TestHost, bytes: number, underBytes: number): ThinDisk | null {
  const folder = guardedFolder(test);
  const under = join(folder, "under");
  if (!isMounted(test, "-t", "tmpfs", "-o", `size=${underBytes}`, "tmpfs", under)) return null;
  if (!makeExt4(test, join(under, "image"), bytes)) return null;
  return isMounted(test, "-o", "loop", join(under, "image"), join(folder, "disk")) ? new ThinDisk(join(folder, "disk"), under) : null;
}

/** All blocks of the file system's own are there from the start: only those of files can be missing. */
function makeExt4(test: TestHost, image: string, bytes: number): boolean {
  closeSync(openSync(image, "w"));
  truncateSync(image, bytes);
  const { error, status, stderr } = spawnSync(
    "mkfs.ext4",
    ["-q", "-F", "-m", "0", "-b", "1024", "-J", "size=1", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", image],
    { encoding: "utf8" },
  );
  if (error === undefined && status === 0) return true;
  // A machine without its tools; each such test has a twin on a disk in memory, or with a library.
  test.skip(`no ext4 can be made here: ${error?.message ?? stderr.trim()}`);
  return false;
}

/** A folder for mounts, which go at the latest when this process ends, in whatever way. */
function guardedFolder(test: TestHost): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-disk-"));
  // Its own session: a signal to all that belongs to the test must not end it before the mounts are gone.
  const guard = spawn("sh", ["-c", TAKE_AWAY, folder], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  const ended = once(guard, "close");
  for (const name of ["disk", "under"]) mkdirSync(join(folder, name));
  test.after(async () => {
    guard.stdin.end("ended\n");
    await ended;
  });
  return folder;
}

function isMounted(test: TestHost, ...words: readonly string[]): boolean {
  const { status, stderr } = spawnSync("mount", [...words], { encoding: "utf8" });
  if (status === 0) return true;
  // What is tested so is tested with a library too that is loaded before the system's, which needs no right to mount.
  test.skip(`mounting is refused here: ${stderr.trim()}`);
  return false;
}

function must(command: string, ...words: readonly string[]): void {
  const { error, status, stderr } = spawnSync(command, [...words], { encoding: "utf8" });
  if (error !== undefined || status !== 0) throw new Error(`${command} ${words.join(" ")}: ${error?.message ?? stderr.trim()}`);
}
