/** A disk that is full to the last byte: no file grows, none is made. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError } from "../../errors.ts";
import { CURSOR_FILES } from "./cursor-slot.ts";
import { DestinationLog } from "./destination-log.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { delivered } from "./testing/fixtures.ts";
import { FOLDER, ids, named, SmallLog } from "./testing/small-log.ts";
import { withWriteSynced } from "./testing/write-synced.ts";

/** On top of another: once it is full, it takes only what lies within what its files have. */
class FullDisk implements Disk {
  isFull = false;
  readonly #disk: Disk;

  constructor(under: Disk) {
    this.#disk = under;
  }

  makeFolder = (path: string): Promise<void> => this.#disk.makeFolder(path);
  list = (folder: string): Promise<readonly string[]> => this.#disk.list(folder);
  listFolders = (folder: string): Promise<readonly string[]> => this.#disk.listFolders(folder);
  exists = (path: string): Promise<boolean> => this.#disk.exists(path);
  remove = (path: string): Promise<void> => this.#disk.remove(path);
  rename = (from: string, to: string): Promise<void> => this.#disk.rename(from, to);
  link = (from: string, to: string): Promise<void> => this.#disk.link(from, to);
  syncFolder = (path: string): Promise<void> => this.#disk.syncFolder(path);

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    if (mode === "create" && this.isFull) throw full("create", path);
    const file = await this.#disk.open(path, mode);
    return withWriteSynced({
      write: async (bytes, offset) => {
        const room = this.isFull ? (await file.size()) - offset : bytes.length;
        if (room >= bytes.length) return file.write(bytes, offset);
        // A write on a full disk is done in part.
        if (room > 0) await file.write(bytes.subarray(0, room), offset);
        throw full("write to", path);
      },
      read: (target, offset) => file.read(target, offset),
      sync: () => file.sync(),
      truncate: (bytes) => file.truncate(bytes),
      size: () => file.size(),
      close: () => file.close(),
    });
  }
}

function full(operation: string, path: string): SidestreamError {
  return new SidestreamError("SST_SPOOL_IO", `could not ${operation} ${path}: ENOSPC`, {
    cause: Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }),
  });
}

interface Filled {
  readonly small: SmallLog;
  readonly disk: FullDisk;
}

/** A log with messages on a disk that gets full then. */
async function filled(count: number, bytes = 40): Promise<Filled> {
  const small = await SmallLog.open();
  await small.log.close();
  const disk = new FullDisk(small.memory);
  small.log = await DestinationLog.open({ ...small.settings, disk });
  for (const id of named("m", count)) small.append(id, { value: Buffer.alloc(bytes, id) });
  await small.log.flush();
  disk.isFull = true;
  return { small, disk };
}

async function restart({ small, disk }: Filled, ending: "kill" | "power"): Promise<void> {
  if (ending === "kill") small.memory.killProcess();
  else small.memory.losePower();
  small.log = await DestinationLog.open({ ...small.settings, disk });
}

for (const ending of ["kill", "power"] as const) {
  test(`a disk that is full takes confirmations from the very first on, also out of order, and they last (${ending})`, async () => {
    const filledLog = await filled(400);
    const { small } = filledLog;
    await rejects(small.put(["more"]), { code: "SST_SPOOL_IO" });
    const waiting = await small.waiting();
    const left: string[] = [];
    for (const [index, each] of waiting.entries()) {
      if (index % 3 === 0) left.push(...ids([each]));
      else await small.log.confirm([delivered(each)]);
    }
    await restart(filledLog, ending);
    deepEqual(ids(await small.waiting()), left);
    deepEqual(small.kinds(), []);
    await small.confirm(() => true);
    equal((await small.books()).delivered, 400);
    await small.log.close();
  });
}

test("a full disk gets room by what is confirmed, and the log takes messages again", async () => {
  const { small, disk } = await filled(0);
  disk.isFull = false;
  await small.put(named("m", 30));
  disk.isFull = true;
  await rejects(small.put(["refused"]), { code: "SST_SPOOL_IO" });
  const before = small.files().length;
  await small.confirm(({ eventId }) => Number(eventId.slice("event-m".length)) < 20);
  ok(small.files().length < before);
  // What was removed is room for what is new.
  disk.isFull = false;
  await small.put(["after"]);
  deepEqual(ids(await small.waiting()), [...named("m", 10, 20), "after"]);
  await small.books();
  await small.log.close();
});

test("where the cursor outgrows its file on a full disk, the confirmation is refused, nothing is lost, and it is made up for later", async () => {
  const { small, disk } = await filled(16_000);
  const waiting = await small.waiting();
  const scattered = waiting.filter((_, index) => index % 2 === 1);
  await rejects(small.log.confirm(scattered.map(delivered)), { code: "SST_SPOOL_IO" });
  await restart({ small, disk }, "power");
  equal((await small.waiting()).length, 16_000, "the cursor before it counts");
  await small.log.confirm(waiting.slice(0, 10).map(delivered));
  await rejects(small.log.confirm(scattered.map(delivered)), { code: "SST_SPOOL_IO" });
  disk.isFull = false;
  await small.log.confirm([]);
  await restart({ small, disk }, "power");
  equal((await small.waiting()).length, 16_000 - 10 - 7995);
  await small.books();
  await small.log.close();
});

test("each slot's file has its blocks before it is needed, and room to grow once it had to", async () => {
  const { small, disk } = await filled(16_000);
  const sizes = (): number[] => CURSOR_FILES.map((name) => small.memory.bytes(`${FOLDER}/${name}`).length);
  deepEqual(sizes(), [65_536, 65_536]);
  disk.isFull = false;
  const waiting = await small.waiting();
  const scattered = waiting.filter((_, index) => index % 2 === 1);
  for (let round = 0; round < 2; round++) await small.log.confirm(scattered.slice(0, 4000).map(delivered));
  const grown = sizes();
  ok(
    grown.every((size) => size >= 131_072),
    grown.join(" "),
  );
  disk.isFull = true;
  await small.log.confirm(scattered.slice(4000, 5000).map(delivered));
  deepEqual(sizes(), grown);
  await small.log.close();
});
