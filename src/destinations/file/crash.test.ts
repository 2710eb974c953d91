import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fileOptions, openFolder } from "./file.ts";
import { linesOf, messageFiles, never, temporaryFolder } from "./testing/folder.ts";

const WRITER = fileURLToPath(new URL("testing/writer.ts", import.meta.url));
/** Changes with each run; a failure prints it. `SIDESTREAM_SEED` repeats it. */
const SEED = Number(process.env["SIDESTREAM_SEED"] ?? Date.now() % 1_000_000);

/** A small generator of chance that can be repeated (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function numbersOf(folder: string, topic: string): readonly number[] {
  return linesOf(folder, topic).map((line) => (JSON.parse(line) as { number: number }).number);
}

test(`a process that is killed while it writes loses nothing acknowledged, and only the last line can be torn (seed ${SEED})`, async (context) => {
  const folder = temporaryFolder(context);
  const random = chance(SEED);
  const acknowledged: number[] = [];
  let first = 1;
  for (let round = 0; round < 5; round += 1) {
    const batchCount = 1 + Math.floor(random() * 200);
    const killAfter = 1 + Math.floor(random() * 600);
    const writer = spawn(process.execPath, [WRITER, folder, String(first), String(batchCount), String(Math.floor(random() * 2000))], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let last = 0;
    const closed = once(writer, "close");
    for await (const line of createInterface({ input: writer.stdout })) {
      assert.match(line, /^\d+$/);
      last = Number(line);
      acknowledged.push(last);
      if (last >= first + killAfter) writer.kill("SIGKILL");
    }
    assert.deepEqual((await closed)[1], "SIGKILL");

    for (const name of messageFiles(folder)) {
      if (!/^topic\d\.jsonl$/.test(name))
        assert(readFileSync(join(folder, name), "utf8").endsWith("\n"), `${name} was rotated with a torn line`);
    }
    const connection = await openFolder(fileOptions.parse({ path: folder }), { name: "file1", signal: never });
    await connection[Symbol.asyncDispose]();
    for (const name of messageFiles(folder)) assert.match(readFileSync(join(folder, name), "utf8"), /^$|\n$/);
    let written = 0;
    for (const topic of [0, 1]) {
      const numbers = numbersOf(folder, `topic${topic}`);
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
        "lines are in order",
      );
      const found = new Set(numbers);
      assert.equal(found.size, numbers.length, "no message is there twice");
      assert.deepEqual(
        acknowledged.filter((number) => number % 2 === topic && !found.has(number)),
        [],
        "every acknowledged message is there",
      );
      written = Math.max(written, ...numbers);
    }
    // What was written and not acknowledged may stay: go on behind it, so that numbers stay unlike.
    first = written + 1;
  }
});

test("a disk that takes no more in the midst of a line leaves only whole lines", async (context) => {
  const folder = temporaryFolder(context);
  // The shell bounds the size of a file (in blocks of 512 bytes), so that the system itself cuts a write short.
  const limited = spawn("sh", ["-c", 'ulimit -f 40 && exec "$0" "$@"', process.execPath, WRITER, folder, "1", "10", "300"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(limited, "close");
  const lines: string[] = [];
  for await (const line of createInterface({ input: limited.stdout })) lines.push(line);
  assert.deepEqual(await closed, [0, null]);
  assert.match(lines.at(-1) ?? "", /^failed SST_DESTINATION_DISK .*EFBIG/);
  for (const topic of [0, 1]) {
    assert.match(readFileSync(join(folder, `topic${topic}.jsonl`), "utf8"), /\n$/);
    assert.deepEqual(
      numbersOf(folder, `topic${topic}`),
      lines
        .slice(0, -1)
        .map(Number)
        .filter((number) => number % 2 === topic),
    );
  }
});
