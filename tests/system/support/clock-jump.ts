/**
 * Preloaded into the program by tests (`node --import`): in all of its threads the clock is wrong by the milliseconds that
 * stand in the file which SIDESTREAM_TEST_CLOCK names, from the moment on when they are written there.
 */
import { existsSync, readFileSync } from "node:fs";

const path = process.env["SIDESTREAM_TEST_CLOCK"];
if (path !== undefined) {
  let shiftMs = 0;
  const realNow = Date.now;
  Date.now = () => realNow() + shiftMs;
  setInterval(() => {
    if (existsSync(path)) shiftMs = Number(readFileSync(path, "utf8"));
  }, 5).unref();
}
