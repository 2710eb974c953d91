/**
 * What a journal's writer says of itself, and whether it still does.
 *
 * @see docs/journal-format.md, section 3.
 */
import { join } from "node:path";
import { z } from "zod";
import { readSmallJson } from "./regular-file.ts";

export const HEARTBEAT_FILE = "heartbeat";
/** So many heartbeats must be missing, and so much time gone by at least, before somebody is told. */
const MISSED_MAX = 3;
const SILENCE_MS_MIN = 15_000;

const count = z.int().min(0);
const schema = z.object({
  version: z.literal(1),
  boot: z.string().regex(/^[0-9a-f]{32}$/),
  agent: z.string().max(128).optional(),
  writer: z.string().max(200).optional(),
  atMs: z.number(),
  everyMs: z.number().min(1).max(3_600_000),
  sequence: count,
  dropped: z.record(z.string().max(64), count).default({}),
  stopped: z.boolean().default(false),
  notices: z.array(z.string().max(500)).max(20).default([]),
});

export type Heartbeat = z.output<typeof schema>;

/** Null: there is none, or none that can be read. */
export async function readHeartbeat(folder: string): Promise<Heartbeat | null> {
  return await readSmallJson(join(folder, HEARTBEAT_FILE), schema);
}

/**
 * How long ago the writer was heard of.
 *
 * Promise: from the second heartbeat on no clock that is set counts, neither the writer's nor this machine's.
 */
export class Silence {
  #heartbeat: Heartbeat | null = null;
  /** By a clock that never goes back. */
  #heardMs = 0;

  /** The last heartbeat; null: none was there yet. */
  get heartbeat(): Heartbeat | null {
    return this.#heartbeat;
  }

  /** What stands there now, which may be what stood there before. */
  hear(heartbeat: Heartbeat): void {
    const before = this.#heartbeat;
    this.#heartbeat = heartbeat;
    // Of the first one only its own time tells how old it is.
    if (before === null) this.#heardMs = performance.now() - Math.max(0, Date.now() - heartbeat.atMs);
    else if (before.atMs !== heartbeat.atMs || before.boot !== heartbeat.boot) this.#heardMs = performance.now();
  }

  /** Milliseconds since the writer was last heard of; null: it ended cleanly, or was never heard of. */
  get ms(): number | null {
    return this.#heartbeat === null || this.#heartbeat.stopped ? null : performance.now() - this.#heardMs;
  }

  /** True: nobody need wonder about so much silence yet. */
  get isShort(): boolean {
    const { ms } = this;
    return ms === null || ms <= Math.max(SILENCE_MS_MIN, MISSED_MAX * (this.#heartbeat?.everyMs ?? 0));
  }
}
