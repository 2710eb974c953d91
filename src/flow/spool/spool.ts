/**
 * The spool: one log per destination in the data folder, and one for its dead letters.
 *
 * Promise: what was flushed survives the process and power loss. A destination that the configuration no longer names
 * keeps its log; it is shown as orphaned and never deleted.
 */
import { join } from "node:path";
import { DeadLetterLog } from "./dead-letter-log.ts";
import { DestinationLog } from "./destination-log.ts";
import type { Disk } from "./disk.ts";
import type { SpoolFinding } from "./recovery.ts";

export const SPOOL_FOLDER = "spool";
export const DEAD_FOLDER = "dead";

export interface SpoolDestination {
  readonly name: string;
  readonly bytesMax: number;
  readonly deadLetters: { readonly keepMs: number; readonly bytesMax: number };
}

export interface SpoolSettings {
  readonly disk: Disk;
  readonly dataFolder: string;
  readonly destinations: readonly SpoolDestination[];
  readonly topicsMax: number;
  readonly onFinding: (destination: string, finding: SpoolFinding) => void;
}

export class Spool {
  readonly logs: ReadonlyMap<string, DestinationLog>;
  readonly deadLetters: ReadonlyMap<string, DeadLetterLog>;
  /** Logs on disk whose destination the configuration doesn't name. */
  readonly orphaned: readonly string[];

  private constructor(logs: ReadonlyMap<string, DestinationLog>, deadLetters: ReadonlyMap<string, DeadLetterLog>, orphaned: readonly string[]) {
    this.logs = logs;
    this.deadLetters = deadLetters;
    this.orphaned = orphaned;
  }

  /** Opens every destination's logs and recovers what they hold. The data folder must be locked by the caller. */
  static async open(settings: SpoolSettings): Promise<Spool> {
    const { disk, dataFolder } = settings;
    await disk.makeFolder(join(dataFolder, SPOOL_FOLDER));
    await disk.makeFolder(join(dataFolder, DEAD_FOLDER));
    const logs = new Map<string, DestinationLog>();
    const deadLetters = new Map<string, DeadLetterLog>();
    for (const { name, bytesMax, deadLetters: dead } of settings.destinations) {
      const onFinding = (finding: SpoolFinding) => settings.onFinding(name, finding);
      const common = { disk, destination: name, onFinding };
      logs.set(name, await DestinationLog.open({ ...common, folder: join(dataFolder, SPOOL_FOLDER, name), bytesMax, topicsMax: settings.topicsMax }));
      deadLetters.set(name, await DeadLetterLog.open({ ...common, folder: join(dataFolder, DEAD_FOLDER, name), ...dead }));
    }
    await disk.syncFolder(join(dataFolder, SPOOL_FOLDER));
    await disk.syncFolder(join(dataFolder, DEAD_FOLDER));
    await disk.syncFolder(dataFolder);
    const names = await disk.list(join(dataFolder, SPOOL_FOLDER));
    return new Spool(logs, deadLetters, names.filter((name) => !logs.has(name)).toSorted());
  }

  /** Bytes that every log can still take: what a reservation may count on. */
  get roomBytes(): number {
    let room = Number.MAX_SAFE_INTEGER;
    for (const log of this.logs.values()) room = Math.min(room, log.roomBytes);
    return room;
  }

  async close(): Promise<void> {
    for (const log of this.logs.values()) await log.close();
    for (const letters of this.deadLetters.values()) await letters.close();
  }
}
