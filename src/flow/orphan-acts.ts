/**
 * What an operator can do about a log whose destination is gone: have another destination deliver what waits in it, or
 * remove it.
 *
 * Promise: the log of a configured destination is never touched; one act runs at a time, and it is the same in the
 * running program and beside it.
 */
import { SidestreamError } from "../errors.ts";
import type { OrphanedMessages } from "../observe/snapshot.ts";
import { OrphanCounts } from "./orphan-counts.ts";
import { ActTurns } from "./spool/act-turns.ts";
import { adoptLog, type Adopted, type AdoptingLog } from "./spool/adopt.ts";
import type { SpoolFinding } from "./spool/findings.ts";
import { orphanedLogs, purgeLog, type DataFolder } from "./spool/orphans.ts";
import { unknownDestination } from "./unknown-destination.ts";

/** As the engine is asked. */
export interface AdoptCall {
  readonly log: string;
  /** Takes over what waits. */
  readonly destination: string;
}

export interface PurgeCall {
  readonly log: string;
}

export interface OrphanSettings extends DataFolder {
  /** Names of all destinations in the configuration. */
  readonly configured: readonly string[];
  /** The orphaned logs that were found at the opening. */
  readonly found: readonly string[];
  /** Opened logs by destination. */
  readonly logs: ReadonlyMap<string, AdoptingLog>;
  readonly onFinding: (log: string, finding: SpoolFinding) => void;
}

export interface AdoptWaits {
  /** Milliseconds after which no more is begun. */
  readonly waitMsMax: number;
  /** Whether a destination's log that is filled is waited for. */
  readonly waitsForRoom: boolean;
  readonly onMoved?: (moved: number) => void;
}

/** One line for whoever finds such a log. */
export function orphanedText(name: string): string {
  const choices = `\`sidestream spool adopt ${name} DESTINATION\` delivers what waits in it, \`sidestream spool purge ${name}\` removes it`;
  return `orphaned log ${name}: no destination of that name is configured; it is kept, and not sent. ${choices}`;
}

export class OrphanActs {
  /** Names of the orphaned logs, as they were after the last act. */
  names: readonly string[];
  readonly #settings: OrphanSettings;
  readonly #counts: OrphanCounts;
  readonly #turns = new ActTurns();

  constructor(settings: OrphanSettings) {
    this.#settings = settings;
    this.#counts = new OrphanCounts(settings);
    this.names = settings.found;
  }

  /** What waits in them, as far as it was counted. */
  get pending(): readonly OrphanedMessages[] {
    return this.#counts.list();
  }

  /** Counts what waits in them, which large logs take a while for; acts wait for it. */
  count(): Promise<void> {
    return this.#turns.inTurn((signal) => this.#counts.count(this.names, signal));
  }

  /**
   * Moves what waits in an orphaned log to a destination's, as far as time and room allow.
   *
   * @throws SidestreamError `SST_COMMAND_INVALID` when the one is no orphan or the other no destination; what the logs say.
   */
  adopt({ log, destination }: AdoptCall, { waitMsMax, waitsForRoom, onMoved }: AdoptWaits): Promise<Adopted> {
    return this.#turns.run(async (signal) => {
      const { disk, dataFolder, logs, configured, onFinding } = this.#settings;
      const into = logs.get(destination);
      if (into === undefined) throw unknownDestination(destination, configured);
      await this.#assertOrphaned(log);
      const adopted = await adoptLog({
        disk,
        dataFolder,
        log,
        into,
        waitMsMax,
        waitsForRoom,
        signal,
        onFinding: (finding) => onFinding(log, finding),
        ...(onMoved === undefined ? {} : { onMoved }),
      });
      this.#counts.set(log, adopted.left);
      await this.#look();
      return adopted;
    });
  }

  /** Removes an orphaned log with its dead letters. @throws SidestreamError `SST_COMMAND_INVALID`; what the disk says. */
  purge({ log }: PurgeCall): Promise<void> {
    return this.#turns.run(async () => {
      await this.#assertOrphaned(log);
      await purgeLog(this.#settings, log);
      await this.#look();
    });
  }

  /** Carries out another act on an orphaned log, which nobody else has open meanwhile. @throws SidestreamError as `purge`. */
  async apart<Result>(log: string, act: () => Promise<Result>): Promise<Result> {
    return await this.#turns.run(async (signal) => {
      await this.#assertOrphaned(log);
      const result = await act();
      await this.#counts.count(this.names, signal);
      return result;
    });
  }

  /** Ends what is under way at its next step, and takes no more. */
  async stop(): Promise<void> {
    await this.#turns.end();
  }

  async #assertOrphaned(log: string): Promise<void> {
    if (this.#settings.configured.includes(log)) throw configuredError(log);
    const names = await this.#look();
    if (names.includes(log)) return;
    throw unknownOrphan(log, names);
  }

  async #look(): Promise<readonly string[]> {
    this.names = await orphanedLogs(this.#settings, (name) => this.#settings.configured.includes(name));
    this.#counts.keep(this.names);
    return this.names;
  }
}

export function configuredError(log: string): SidestreamError {
  return new SidestreamError(
    "SST_COMMAND_INVALID",
    `"${log}" is a destination of the configuration, so its log is no orphan: take the destination out of the configuration and restart first`,
  );
}

/** @param names - Those that there are. */
export function unknownOrphan(log: string, names: readonly string[]): SidestreamError {
  const known = names.length === 0 ? "there is none" : `there ${names.length === 1 ? "is" : "are"} ${names.join(", ")}`;
  return new SidestreamError("SST_COMMAND_INVALID", `no orphaned log is named "${log}": ${known}`);
}
