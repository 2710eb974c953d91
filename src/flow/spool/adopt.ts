/**
 * Hands what waits in an orphaned log on to the log of a destination.
 *
 * Promise: a message is on disk in the destination's log before it is done in the orphan's, so a kill loses none; it can
 * double one chunk, whose messages have the same event ids. The destination's log is filled up to half at most, up to
 * where nobody's messages are turned away for it.
 */
import { join } from "node:path";
import { SidestreamError } from "../../errors.ts";
import { streamOfLabel } from "../message/stream-label.ts";
import { DestinationLog } from "./destination-log.ts";
import { isProblem, type SpoolFinding } from "./findings.ts";
import { SPOOL_FOLDER } from "./folders.ts";
import { removeMessages, type DataFolder } from "./orphans.ts";
import { isWithoutRoom, RoomUpToHalf, waitForRoom } from "./room-up-to-half.ts";
import { isDamagedFile } from "./segment.ts";
import type { SpooledMessage } from "./spooled.ts";

/** Why messages that were handed on left the orphaned log. */
const REASON_ADOPTED = "adopted";
/** What a kill can double. */
const CHUNK_MESSAGES_MAX = 500;
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;
/** The log that takes the messages. */
export type AdoptingLog = Pick<DestinationLog, "destination" | "append" | "flush" | "roomBytes" | "status">;

export interface AdoptSettings extends DataFolder {
  /** Name of the orphaned log; nobody else has it open. */
  readonly log: string;
  readonly into: AdoptingLog;
  /** Milliseconds after which no more is begun. */
  readonly waitMsMax: number;
  /** Wait, as long as there is time, for the destination to take what its log holds. */
  readonly waitsForRoom: boolean;
  readonly signal: AbortSignal;
  readonly onFinding: (finding: SpoolFinding) => void;
  /** Told after each chunk, how many were moved in all. */
  readonly onMoved?: (moved: number) => void;
}

export interface Adopted {
  readonly moved: number;
  /** Messages that still wait in the orphaned log. */
  readonly left: number;
  /** `more`: the time was over. `full`: the destination's log has no room for it. */
  readonly state: "done" | "more" | "full";
  /** All that can be read was moved, and the folder stays since damage was found in it. */
  readonly damaged: boolean;
}

/**
 * Moves what waits, in order, as far as time and room allow. Once all is moved the log is removed; its dead letters stay.
 *
 * @throws SidestreamError `SST_COMMAND_INVALID` when there are only dead letters; what either log says. What was moved
 * before stays moved, and the call can be made again.
 */
export async function adoptLog(settings: AdoptSettings): Promise<Adopted> {
  const { disk, dataFolder, log: name, onFinding } = settings;
  const folder = join(dataFolder, SPOOL_FOLDER, name);
  if (!(await disk.exists(folder)))
    throw new SidestreamError(
      "SST_COMMAND_INVALID",
      `only dead letters, or an archive, are left of log "${name}": there is nothing to deliver`,
    );
  let isDamaged = (await disk.list(folder)).some(isDamagedFile);
  const orphan = await DestinationLog.open({
    disk,
    folder,
    destination: name,
    bytesMax: Number.MAX_SAFE_INTEGER,
    topicsMax: Number.MAX_SAFE_INTEGER,
    onFinding: (finding) => {
      isDamaged ||= isProblem(finding);
      onFinding(finding);
    },
  });
  let moving: Moving;
  try {
    moving = await new Adoption(settings, orphan).run();
  } finally {
    await orphan.close();
  }
  const damaged = moving.state === "done" && (isDamaged || moving.left > 0);
  if (moving.state === "done" && !damaged) await removeMessages(settings, name);
  return { ...moving, damaged };
}

type Moving = Omit<Adopted, "damaged">;

class Adoption {
  readonly #settings: AdoptSettings;
  readonly #orphan: DestinationLog;
  readonly #room: RoomUpToHalf;
  readonly #endMs: number;
  #moved = 0;

  constructor(settings: AdoptSettings, orphan: DestinationLog) {
    this.#settings = settings;
    this.#orphan = orphan;
    this.#room = new RoomUpToHalf(settings.into);
    this.#endMs = performance.now() + settings.waitMsMax;
  }

  async run(): Promise<Moving> {
    const orphan = this.#orphan;
    let next = orphan.confirmedSequence;
    while (next < orphan.durableSequence) {
      const { messages, nextSequence } = await orphan.read(next, CHUNK_BYTES_MAX);
      const waiting = messages.filter(({ logSequence }) => !orphan.isConfirmed(logSequence));
      for (let from = 0; from < waiting.length;) {
        const moved = await this.#moveChunk(waiting, from);
        from += moved;
        if (moved === 0 && !(await this.#waitForRoom())) return this.#result("full");
        if (this.#isOver && from < waiting.length) return this.#result("more");
      }
      next = nextSequence;
      if (this.#isOver && next < orphan.durableSequence) return this.#result("more");
    }
    return this.#result("done");
  }

  get #isOver(): boolean {
    return this.#settings.signal.aborted || performance.now() >= this.#endMs;
  }

  /** Appends, writes, and only then confirms. @returns How many it were; 0 without room. */
  async #moveChunk(messages: readonly SpooledMessage[], from: number): Promise<number> {
    const { into } = this.#settings;
    const chunk: SpooledMessage[] = [];
    let bytes = 0;
    for (const message of messages.slice(from, from + CHUNK_MESSAGES_MAX)) {
      bytes += message.value.length;
      if ((chunk.length > 0 && bytes > CHUNK_BYTES_MAX) || !this.#room.has(message)) break;
      try {
        // Acknowledging: what can't be written is told here, and stays in the orphan. Here it is a message like any other,
        // but it tells nothing of how far its source was read for this log.
        into.append({ ...message, stream: streamOfLabel(message.stream), sourcePosition: 0 }, true);
      } catch (error) {
        // What was taken before is moved all the same; whatever comes next meets the error first.
        if (chunk.length > 0 || isWithoutRoom(error)) break;
        throw error;
      }
      chunk.push(message);
    }
    if (chunk.length === 0) return 0;
    await into.flush();
    await this.#orphan.confirm(
      chunk.map(({ logSequence, stream, tenant, frameBytes }) => ({
        logSequence,
        stream,
        tenant,
        frameBytes,
        lane: null,
        outcome: "dropped",
        reason: REASON_ADOPTED,
      })),
    );
    this.#moved += chunk.length;
    this.#settings.onMoved?.(this.#moved);
    return chunk.length;
  }

  /** @returns False when there is none, and no time is left to wait for it. */
  async #waitForRoom(): Promise<boolean> {
    const { waitsForRoom, signal } = this.#settings;
    if (!waitsForRoom) return false;
    await waitForRoom(signal);
    return signal.aborted || !this.#isOver;
  }

  #result(state: Moving["state"]): Moving {
    let left = 0;
    for (const tenants of Object.values(this.#orphan.status().pending)) for (const count of Object.values(tenants)) left += count;
    return { moved: this.#moved, left, state };
  }
}
