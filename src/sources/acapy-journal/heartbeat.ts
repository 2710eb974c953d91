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

/** Milliseconds since the writer was last heard of; null: it ended cleanly. */
export function silenceMs(heartbeat: Heartbeat, nowMs: number): number | null {
  return heartbeat.stopped ? null : Math.max(0, nowMs - heartbeat.atMs);
}

/** True: nobody need wonder about so much silence yet. */
export function isAlive(heartbeat: Heartbeat, nowMs: number): boolean {
  const silence = silenceMs(heartbeat, nowMs);
  return silence === null || silence <= Math.max(SILENCE_MS_MIN, MISSED_MAX * heartbeat.everyMs);
}
