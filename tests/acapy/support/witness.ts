/**
 * Keeps what the plugins journaled, whatever is removed of it, and reads it: what must be in the topic.
 *
 * Each segment gets a second name as soon as it is seen. A plugin removes one only after another was begun, and looks for
 * what may go every few seconds; sequences tell whether one was missed all the same.
 */
import { linkSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeRecord } from "../../../src/sources/acapy-journal/record.ts";
import { decodeSegmentHeader } from "../../../src/sources/acapy-journal/segment-header.ts";

const LOOK_EACH_MS = 50;

export interface Journaled {
  /** As in messages. */
  readonly id: string;
  readonly agent: string;
  readonly topic: string;
  readonly wallet: string | null;
  /** Null: a gap. */
  readonly isGap: boolean;
}

export class Witness {
  readonly #journals: string;
  readonly #kept: string;
  readonly #timer: NodeJS.Timeout;

  constructor(journals: string, kept: string) {
    this.#journals = journals;
    this.#kept = kept;
    mkdirSync(kept, { recursive: true });
    this.#timer = setInterval(() => this.#look(), LOOK_EACH_MS);
  }

  /** Looks a last time. */
  close(): void {
    clearInterval(this.#timer);
    this.#look();
  }

  /** Every whole record of every journal, in its order. @throws Error where sequences of a boot leave one out. */
  read(): readonly Journaled[] {
    return readdirSync(this.#kept)
      .toSorted()
      .flatMap((agent) => this.#readJournal(agent));
  }

  #look(): void {
    for (const agent of namesIn(this.#journals)) {
      const folder = join(this.#journals, agent);
      for (const name of namesIn(folder)) {
        if (!name.endsWith(".journal")) continue;
        try {
          mkdirSync(join(this.#kept, agent), { recursive: true });
          linkSync(join(folder, name), join(this.#kept, agent, name));
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (code !== "EEXIST" && code !== "ENOENT") throw error;
        }
      }
    }
  }

  #readJournal(agent: string): readonly Journaled[] {
    const found: Journaled[] = [];
    let boot = "";
    let next = 1;
    for (const name of readdirSync(join(this.#kept, agent)).toSorted()) {
      const bytes = readFileSync(join(this.#kept, agent, name));
      const header = decodeSegmentHeader(bytes, name);
      if (typeof header === "string") continue;
      if (header.boot !== boot) next = 1;
      boot = header.boot;
      for (let at = header.bytes; ;) {
        const record = decodeRecord(bytes, at, header.salt);
        // A torn end, which no write that returned left.
        if (typeof record === "string") break;
        if (record.sequence !== next) throw new Error(`${agent}/${name}: sequence ${record.sequence} follows ${next - 1} of boot ${boot}`);
        next = (record.kind === "gap" ? record.last : record.sequence) + 1;
        at += record.bytes;
        const isGap = record.kind === "gap";
        const topic = isGap ? "" : record.topic;
        found.push({ id: `${boot}/${record.sequence}`, agent, topic, wallet: isGap ? null : record.wallet, isGap });
      }
    }
    return found;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
