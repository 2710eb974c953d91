/**
 * The spool: one log per destination in the data folder, and one for its dead letters.
 *
 * Promise: what was flushed survives the process and power loss. A destination that the configuration no longer names
 * keeps its log; it is shown as orphaned, and goes only when somebody says so.
 */
import { join } from "node:path";
import type { SidestreamError } from "../../errors.ts";
import type { Archive } from "./archive.ts";
import { DeadLetterLog } from "./dead-letter-log.ts";
import { DestinationLog } from "./destination-log.ts";
import type { Disk } from "./disk.ts";
import type { SpoolFinding } from "./findings.ts";
import { ARCHIVE_FOLDER, DEAD_FOLDER, SPOOL_FOLDER } from "./folders.ts";
import type { ReadProgress, WhenFull } from "./log-settings.ts";
import { finishRemovals, orphanedLogs } from "./orphans.ts";
import { settleRedrive } from "./redrive.ts";
import type { RetainSettings } from "./retain-settings.ts";

export interface SpoolDestination {
  readonly name: string;
  readonly bytesMax: number;
  readonly whenFull?: WhenFull;
  /** From 0 to 1; see the log's settings. */
  readonly tenantShare?: number;
  readonly parkBytes?: number;
  /** See the log's settings. */
  readonly reserveBytesMin?: number;
  readonly deadLetters: { readonly keepMs: number; readonly bytesMax: number };
  /** How long segments that are done are kept; absent or null: not at all. */
  readonly retain?: RetainSettings | null;
  /** Its driver numbers the messages of its lanes and keeps things in the log; absent: no. */
  readonly numbered?: boolean;
}

export interface SpoolSettings {
  readonly disk: Disk;
  readonly dataFolder: string;
  readonly destinations: readonly SpoolDestination[];
  readonly topicsMax: number;
  readonly onFinding: (destination: string, finding: SpoolFinding) => void;
  readonly onProgress?: (destination: string, progress: ReadProgress) => void;
  /** Something about a destination's archive that somebody should know. */
  readonly onArchive?: (destination: string, text: string) => void;
  /** Somebody else on the disk has room to give when it is full, before archives do; false: none any more. */
  readonly giveWay?: () => Promise<boolean>;
  /** Part of a log that was purged could not be removed; it is tried again with the next start. */
  readonly onUnremoved?: (error: SidestreamError) => void;
}

/** How often archives are looked at for age where nothing comes in. */
const TRIM_EVERY_MS = 3_600_000;

export class Spool {
  readonly logs: ReadonlyMap<string, DestinationLog>;
  readonly deadLetters: ReadonlyMap<string, DeadLetterLog>;
  /** Logs on disk whose destination the configuration doesn't name. */
  readonly orphaned: readonly string[];
  readonly #trimming: NodeJS.Timeout;

  private constructor(
    logs: ReadonlyMap<string, DestinationLog>,
    deadLetters: ReadonlyMap<string, DeadLetterLog>,
    orphaned: readonly string[],
  ) {
    this.logs = logs;
    this.deadLetters = deadLetters;
    this.orphaned = orphaned;
    const trim = (): void => {
      for (const { archive } of logs.values()) void archive?.trim();
    };
    this.#trimming = setInterval(trim, TRIM_EVERY_MS).unref();
  }

  /**
   * Opens every destination's logs and recovers what they hold. The data folder must be locked by the caller.
   *
   * @throws SidestreamError what the first log that can't be opened says; nothing stays open.
   */
  static async open(settings: SpoolSettings): Promise<Spool> {
    const { disk, dataFolder } = settings;
    const spoolFolder = join(dataFolder, SPOOL_FOLDER);
    const deadFolder = join(dataFolder, DEAD_FOLDER);
    await disk.makeFolder(spoolFolder);
    await disk.makeFolder(deadFolder);
    const logs = new Map<string, DestinationLog>();
    const deadLetters = new Map<string, DeadLetterLog>();
    const before = settings.giveWay === undefined ? {} : { before: settings.giveWay };
    const archives = (): Archive[] => [...logs.values()].flatMap(({ archive }) => archive ?? []);
    try {
      for (const { name, numbered = false, deadLetters: dead, retain = null, ...room } of settings.destinations) {
        const onFinding = (finding: SpoolFinding) => settings.onFinding(name, finding);
        const common = { disk, destination: name, onFinding };
        const folder = join(spoolFolder, name);
        const progress = settings.onProgress;
        const onProgress = progress === undefined ? {} : { onProgress: (read: ReadProgress) => progress(name, read) };
        const onNotice = (text: string): void => settings.onArchive?.(name, text);
        const archive = { folder: join(dataFolder, ARCHIVE_FOLDER, name), retain, onNotice, others: archives, ...before };
        const more = { ...room, ...onProgress, folder, numbered, topicsMax: settings.topicsMax, archive };
        const log = await DestinationLog.open({ ...common, ...more });
        logs.set(name, log);
        const letters = await DeadLetterLog.open({ ...common, folder: join(deadFolder, name), messagesLogId: log.logId, ...dead });
        deadLetters.set(name, letters);
        // One that has stopped can't tell what it holds.
        if (log.refusing === null) await settleRedrive(log, letters, onFinding);
        const isWaiting = (number: number): boolean => number >= log.confirmedSequence && !log.isConfirmed(number);
        await letters.expect(isWaiting, log.confirmedSequence < log.durableSequence);
      }
      const archiveFolder = join(dataFolder, ARCHIVE_FOLDER);
      // Something else may have its name: then there is no archive, which each log that wants one has told.
      if (await disk.exists(archiveFolder)) await disk.syncFolder(archiveFolder).catch(() => undefined);
      for (const folder of [spoolFolder, deadFolder, dataFolder]) await disk.syncFolder(folder);
      for (const error of await finishRemovals(settings)) settings.onUnremoved?.(error);
      return new Spool(logs, deadLetters, await orphanedLogs(settings, (name) => logs.has(name)));
    } catch (error) {
      for (const log of [...logs.values(), ...deadLetters.values()]) await log.close().catch(() => undefined);
      throw error;
    }
  }

  /** Closes every log, also when one of them fails; the first failure is thrown then. */
  async close(): Promise<void> {
    const results = [];
    clearInterval(this.#trimming);
    for (const { history } of this.logs.values()) await history.turns.end();
    // An act over dead letters ends before the log that it writes to.
    for (const log of [...this.deadLetters.values(), ...this.logs.values()])
      results.push(
        await log.close().then(
          () => null,
          (error: unknown) => ({ error }),
        ),
      );
    const failed = results.find((result) => result !== null);
    if (failed !== undefined) throw failed.error;
  }
}
