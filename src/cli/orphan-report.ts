/**
 * What is in a log whose destination is gone: for `sidestream status` and before `sidestream spool purge`.
 *
 * Promise: read only, also while the program runs; only what tells how much waits is read, not the whole log.
 */
import { disk } from "../flow/spool/disk.ts";
import { isProblem } from "../flow/spool/findings.ts";
import { inspectNamed, type InspectProgress } from "../flow/spool/inspect.ts";

export interface OrphanReport {
  readonly name: string;
  /** Messages that wait; null: it can't be told. */
  readonly pending: number | null;
  readonly deadLetters: number;
  readonly bytes: number;
  readonly problems: number;
}

/** @throws SidestreamError what the disk says. */
export async function orphanReport(
  dataFolder: string,
  name: string,
  onProgress: (progress: InspectProgress) => void = () => undefined,
): Promise<OrphanReport> {
  const reports = await inspectNamed({ disk, dataFolder, reads: "waiting", onProgress }, name);
  const messages = reports.find(({ kind }) => kind === "messages");
  return {
    name,
    pending: messages === undefined ? 0 : messages.pending,
    deadLetters: reports.find(({ kind }) => kind === "deadLetters")?.messages ?? 0,
    bytes: reports.reduce((sum, { bytes }) => sum + bytes, 0),
    problems: reports.flatMap(({ findings }) => findings).filter(isProblem).length,
  };
}

/** The same for each of these names. Of what can't be read only that is told. */
export function orphanReports(dataFolder: string, names: readonly string[]): Promise<readonly OrphanReport[]> {
  const unreadable = { pending: null, deadLetters: 0, bytes: 0, problems: 1 };
  return Promise.all(names.map((name) => orphanReport(dataFolder, name).catch(() => ({ name, ...unreadable }))));
}
