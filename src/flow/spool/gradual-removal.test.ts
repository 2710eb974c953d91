/** How files of segments go: bit by bit, under a name that no start takes for a segment's. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { GradualRemoval } from "./gradual-removal.ts";
import { FailingDisk } from "./testing/fixtures.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";

const FOLDER = "/data";
const BYTES = 64 * 1024;

async function setUp() {
  const memory = new MemoryDisk(seededRandom(1));
  const failing = new FailingDisk(memory);
  await memory.makeFolder(FOLDER);
  const operations: string[] = [];
  failing.fail = (operation, path) => {
    operations.push(`${operation} ${path}`);
    return null;
  };
  const removal = new GradualRemoval(failing, FOLDER, BYTES / 4);
  const make = async (name: string): Promise<string> => {
    const path = `${FOLDER}/${name}`;
    const file = await memory.open(path, "create");
    await file.write(Buffer.alloc(BYTES), 0);
    await file.close();
    return path;
  };
  return { memory, failing, operations, removal, make };
}

test("a large file loses its name at once, for good, and then its blocks in steps", async () => {
  const { memory, operations, removal, make } = await setUp();
  const path = await make("1.segment");
  await removal.remove(path, BYTES);
  ok(!(await memory.exists(path)));
  await removal.settled();
  deepEqual(await memory.list(FOLDER), []);
  const order = operations.map((line) => line.split(" ")[0]);
  deepEqual(order, ["rename", "syncFolder", "open", "truncate", "truncate", "truncate", "close", "remove"]);
  equal(memory.openFiles, 0);
});

test("a small file is removed at once", async () => {
  const { memory, operations, removal, make } = await setUp();
  const path = await make("1.segment");
  await removal.remove(path, BYTES / 4);
  deepEqual(operations, [`remove ${path}`]);
  deepEqual(await memory.list(FOLDER), []);
});

test("whatever fails on the way, nothing is cut under the old name, no file stays open, and the next one goes", async () => {
  for (const failed of ["syncFolder", "open", "truncate", "close", "remove"]) {
    const { memory, failing, removal, make } = await setUp();
    const operations: string[] = [];
    let failures = 1;
    failing.fail = (operation) => {
      operations.push(operation);
      return operation === failed && failures-- > 0 ? "EIO" : null;
    };
    await removal.remove(await make("1.segment"), BYTES);
    await removal.remove(await make("2.segment"), BYTES);
    await removal.settled();
    const left = await memory.list(FOLDER);
    deepEqual(left, failed === "remove" ? ["1.segment.removing"] : [], failed);
    ok(failed !== "syncFolder" || operations.indexOf("truncate") > operations.indexOf("remove"), "uncut where the name may come back");
    equal(memory.openFiles, 0, failed);
  }
});

test("where many wait, the rest is removed at once: disk space comes first", async () => {
  const { memory, operations, removal, make } = await setUp();
  const paths = [];
  for (let count = 0; count < 20; count++) paths.push(await make(`${count}.segment`));
  await Promise.all(paths.map((path) => removal.remove(path, BYTES)));
  equal(operations.filter((line) => line.startsWith("remove /data/") && line.endsWith(".segment")).length, 12);
  await removal.settled();
  deepEqual(await memory.list(FOLDER), []);
});
