/**
 * Preloaded into the program, it hangs the engine's thread once a file of the name in HANG_AT is there, at its start where
 * it is there already: in a loop that never ends, or, where HANG_IN names a pipe, in a read of it that never returns, as
 * of a disk that doesn't answer.
 */
import { existsSync, readFileSync, writeSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const LOOK_MS = 20;
const { HANG_AT, HANG_IN } = process.env;

function hang(): void {
  if (HANG_AT === undefined || !existsSync(HANG_AT)) return;
  writeSync(2, `${JSON.stringify({ level: "info", msg: "the engine hangs" })}\n`);
  if (HANG_IN !== undefined) readFileSync(HANG_IN);
  for (;;);
}

if (!isMainThread) {
  hang();
  setInterval(hang, LOOK_MS).unref();
}
