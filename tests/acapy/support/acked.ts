/** Waits for a journal's reader. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Raised } from "./raising.ts";

const ACKED_MS_MAX = 60_000;

/** Settles once the flow has all of a boot up to a sequence. @param journal - Its folder. */
export async function untilAcked(journal: string, { boot, sequence }: Raised): Promise<void> {
  const deadline = performance.now() + ACKED_MS_MAX;
  for (;;) {
    const ack = ackIn(journal);
    if (ack !== null && ack.boot === boot && ack.sequence >= sequence) return;
    if (performance.now() > deadline) throw new Error(`${ack?.sequence ?? 0} of ${sequence} events of ${journal} are acknowledged`);
    await delay(100);
  }
}

/** Null: it isn't there yet, or was read while it was written. */
function ackIn(journal: string): { readonly boot: string; readonly sequence: number } | null {
  try {
    return JSON.parse(readFileSync(join(journal, "ack"), "utf8")) as { readonly boot: string; readonly sequence: number };
  } catch {
    return null;
  }
}
