/**
 * Preloaded into the program by tests (`node --import`): lets the engine thread die on demand, as a fault of ours or
 * a message that kills would make it. The file that SIDESTREAM_TEST_DEATH names says how: `exception` or `heap`.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const path = process.env["SIDESTREAM_TEST_DEATH"];
if (!isMainThread && path !== undefined) {
  setInterval(() => {
    if (!existsSync(path)) return;
    const how = readFileSync(path, "utf8");
    if (how === "") return;
    rmSync(path);
    if (how === "exception") throw new Error("the engine dies because a test asked for it");
    const kept: unknown[] = [];
    for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
  }, 5).unref();
}
