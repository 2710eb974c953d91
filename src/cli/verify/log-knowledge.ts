/**
 * What logs on disk say of the numbers of a topic: which wait, which are dead letters, which come next, and how many
 * messages were dropped.
 *
 * Promise: nothing changes, no lock is needed and a running program may go on. It is looked at before the topic is read, so
 * that what is delivered by then is there when the topic is.
 */
import { join } from "node:path";
import { isRedriven, isReplayed, streamOfLabel } from "../../flow/message/stream-label.ts";
import { newestSlot } from "../../flow/spool/cursor-slot.ts";
import { disk } from "../../flow/spool/disk.ts";
import { exportLog } from "../../flow/spool/export.ts";
import { isProblem, type SpoolFinding } from "../../flow/spool/findings.ts";
import { DEAD_FOLDER, isLogFolder, SPOOL_FOLDER } from "../../flow/spool/folders.ts";
import { lookAtLog } from "../../flow/spool/log-look.ts";
import type { StreamTable } from "../../flow/spool/log-state.ts";
import type { ReadProgress } from "../../flow/spool/log-settings.ts";
import type { OutcomeTable } from "../../flow/spool/outcome-counts.ts";
import { assertDataFolder } from "../data-folder.ts";
import { evidenceOf } from "./evidence.ts";
import { NumberRoom, NumberSet } from "./number-set.ts";

/** Numbers of one stream of one log in the topic. */
export interface KnownNumbers {
  readonly pending: NumberSet;
  readonly dead: NumberSet;
}

export interface KnownLog {
  /** The data folder. */
  readonly data: string;
  readonly name: string;
  /** The number that the next message of a stream gets in this topic, as of the look. Null: that was lost. */
  readonly next: ReadonlyMap<string, number> | null;
  /** Streams that it numbers for other topics. */
  readonly elsewhere: ReadonlySet<string>;
  /** Messages that had a number and were given up, by stream and reason; to all topics of the log. */
  readonly dropped: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export interface Knowledge {
  /** By log id. */
  readonly logs: ReadonlyMap<string, KnownLog>;
  /** By log id and stream. */
  numbers(logId: string, stream: string): KnownNumbers | undefined;
  /** What could not be read of them. */
  readonly findings: readonly SpoolFinding[];
}

interface LookOptions {
  readonly topic: string;
  readonly onProgress: (log: string, progress: ReadProgress) => void;
}

/** What a line of an export says that counts here. */
interface ExportedLine {
  readonly topic: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly value: string;
}

/** @throws SidestreamError `SST_DATA_MISSING` for a folder that is none; as the spool does. */
export async function lookAtFolders(folders: readonly string[], options: LookOptions): Promise<Knowledge> {
  const look = new FolderLook(options);
  for (const folder of folders) await look.read(folder);
  return look;
}

class FolderLook implements Knowledge {
  readonly #options: LookOptions;
  readonly #room = new NumberRoom();
  readonly logs = new Map<string, KnownLog>();
  readonly #numbers = new Map<string, KnownNumbers>();
  readonly findings: SpoolFinding[] = [];

  constructor(options: LookOptions) {
    this.#options = options;
  }

  numbers(logId: string, stream: string): KnownNumbers | undefined {
    return this.#numbers.get(`${logId}\n${stream}`);
  }

  async read(data: string): Promise<void> {
    await assertDataFolder(data);
    const spool = join(data, SPOOL_FOLDER);
    for (const name of await foldersIn(spool)) {
      const { found, slots } = await lookAtLog({ disk, folder: join(spool, name), kind: "messages" });
      const streams = streamsOf(found.state.sequences);
      const topics = streams.flatMap(([stream, each]) => {
        const next = each[this.#options.topic];
        return next === undefined ? [] : [[stream, next] as const];
      });
      const elsewhere = streams.flatMap(([stream, each]) =>
        Object.keys(each).some((topic) => topic !== this.#options.topic) ? [stream] : [],
      );
      const { outcomes } = newestSlot(slots ?? []).record;
      const next = found.stateKnown ? new Map(topics) : null;
      this.logs.set(found.logId, { data, name, next, elsewhere: new Set(elsewhere), dropped: givenUp(outcomes) });
      // A log of another destination may hold as much, and nothing of it is asked for.
      if (topics.length === 0 && found.stateKnown) continue;
      await this.#export(join(spool, name), "messages", "pending");
      if (await disk.exists(join(data, DEAD_FOLDER, name))) await this.#export(join(data, DEAD_FOLDER, name), "deadLetters", "dead");
    }
  }

  async #export(folder: string, kind: "messages" | "deadLetters", what: keyof KnownNumbers): Promise<void> {
    await exportLog({
      disk,
      folder,
      kind,
      pendingOnly: kind === "messages",
      write: async (lines) => {
        for (const line of lines.split("\n")) if (line !== "") this.#take(JSON.parse(line) as ExportedLine, what);
        return Promise.resolve(true);
      },
      onFinding: (finding) => void (isProblem(finding) && this.findings.push(finding)),
      onProgress: (progress) => this.#options.onProgress(folder, progress),
    });
  }

  #take({ topic, headers, value }: ExportedLine, what: keyof KnownNumbers): void {
    if (topic !== this.#options.topic) return;
    // What the message says counts: one that another log adopted keeps the number of its own.
    const evidence = evidenceOf({ headers, value: Buffer.from(value, "base64"), key: "" });
    if (evidence === null) return;
    const name = `${evidence.logId}\n${evidence.stream}`;
    let numbers = this.#numbers.get(name);
    if (numbers === undefined) this.#numbers.set(name, (numbers = { pending: new NumberSet(this.#room), dead: new NumberSet(this.#room) }));
    numbers[what].add(evidence.sequence);
  }
}

async function foldersIn(parent: string): Promise<readonly string[]> {
  return (await disk.exists(parent)) ? (await disk.listFolders(parent)).filter(isLogFolder).toSorted() : [];
}

/** What came back from the dead letters or the archive has a number of its own in the log; the message keeps the one it had. */
function streamsOf(sequences: StreamTable): readonly (readonly [string, StreamTable[string]])[] {
  return Object.entries(sequences).filter(([label]) => !isRedriven(label) && !isReplayed(label));
}

/** What was given up, under the streams as people know them, by reason. */
function givenUp(outcomes: OutcomeTable): KnownLog["dropped"] {
  const dropped = new Map<string, Map<string, number>>();
  for (const [label, tenants] of Object.entries(outcomes)) {
    const stream = streamOfLabel(label);
    for (const each of Object.values(tenants)) {
      for (const [reason, count] of Object.entries(each.dropped)) {
        const reasons = dropped.get(stream) ?? new Map<string, number>();
        dropped.set(stream, add(reasons, reason, count));
      }
    }
  }
  return dropped;
}

function add(counts: Map<string, number>, name: string, count: number): Map<string, number> {
  return counts.set(name, (counts.get(name) ?? 0) + count);
}
