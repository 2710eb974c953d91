/**
 * Opens the spool of a flow, and tells the log what was found in it.
 */
import type { Log } from "../observe/log.ts";
import { orphanedText } from "./orphan-acts.ts";
import { RecoveryNotices } from "./recovery-notices.ts";
import type { FlowSettings } from "./settings.ts";
import { spoolDestination } from "./spool-destination.ts";
import { eventBytesMax } from "./spool-room.ts";
import { disk } from "./spool/disk.ts";
import { isProblem, type SpoolFinding } from "./spool/findings.ts";
import { Spool } from "./spool/spool.ts";

export type OnFinding = (destination: string, finding: SpoolFinding) => void;

/** Tells of what a log on disk showed. */
export function findingsTo(log: Log): OnFinding {
  return (destination, finding) => {
    const problem = finding.kind === "rewritten" ? "SST_SPOOL_IO" : "SST_SPOOL_DAMAGED";
    const code = isProblem(finding) ? problem : undefined;
    log.warn({ destination, code, ...finding }, `${finding.path}: ${finding.text}`);
  };
}

/** @param giveWay - Frees room on a full disk; false when there is nothing left to free. */
export async function openSpool(settings: FlowSettings, log: Log, giveWay: () => Promise<boolean>): Promise<Spool> {
  const recovery = new RecoveryNotices(log);
  const spool = await Spool.open({
    disk,
    dataFolder: settings.dataFolder,
    destinations: settings.destinations.map((destination) => spoolDestination(destination, eventBytesMax(settings))),
    topicsMax: settings.limits.topicsMax,
    onFinding: findingsTo(log),
    onProgress: (destination, progress) => recovery.read(destination, progress),
    onArchive: (destination, text) => log.warn({ destination }, text),
    giveWay,
    onUnremoved: (error) => log.warn({ err: error }, "part of a log that was purged could not be removed; the next start tries again"),
  });
  for (const name of spool.orphaned) log.warn({ log: name }, orphanedText(name));
  return spool;
}
