/**
 * `sidestream spool inspect` and `sidestream spool fsck`: what is on disk, for people and for programs.
 *
 * Promise: neither changes a byte. `inspect` reads headers, summaries and open segments, also while the program runs;
 * `fsck` keeps the program from starting meanwhile and reads everything. What a kill leaves behind is told and is no problem.
 */
import { disk } from "../flow/spool/disk.ts";
import { isProblem, type SpoolFinding } from "../flow/spool/findings.ts";
import { inspectArchives, type ArchiveReport } from "../flow/spool/inspect-archive.ts";
import { inspectSpool, type InspectProgress, type LogReport } from "../flow/spool/inspect.ts";
import { lockForReading } from "../flow/spool/read-lock.ts";
import { assertDataFolder } from "./data-folder.ts";
import { bytesText } from "../observe/bytes-text.ts";
import { counted, table, type Output } from "./output.ts";
import { ProgressLine } from "./spool-progress.ts";

export interface SpoolOptions {
  /** The data folder. */
  readonly data: string;
  readonly json: boolean;
}

const EXIT_OK = 0;
const EXIT_PROBLEMS = 1;
/** Findings shown to a person; `--json` has all. */
const FINDINGS_MAX = 100;

/**
 * Lists the logs and what a quick look finds.
 *
 * @returns Exit status: 0, or 1 when something was found that somebody should act on.
 * @throws SidestreamError `SST_DATA_MISSING` when it is no data folder, `SST_SPOOL_VERSION`, `SST_SPOOL_IO`.
 */
export async function runSpoolInspect(options: SpoolOptions, out: Output): Promise<number> {
  await assertDataFolder(options.data);
  return report(
    await inspected(options.data, false, out),
    options,
    out,
    "A quick look, and a snapshot when the program runs; `sidestream spool fsck` reads every byte.",
  );
}

/**
 * Reads every byte of every log.
 *
 * @returns Exit status: 0 clean, 1 something was found that somebody should act on.
 * @throws SidestreamError `SST_SPOOL_LOCKED` when the program runs; else as `runSpoolInspect`.
 */
export async function runSpoolFsck(options: SpoolOptions, out: Output): Promise<number> {
  await assertDataFolder(options.data);
  const lock = lockForReading(options.data);
  if (lock.problem !== null)
    out.stderr(`${options.data} is read without its lock (${lock.problem}): make sure that no sidestream runs on it\n`);
  try {
    return report(await inspected(options.data, true, out), options, out, "Every byte was read.");
  } finally {
    lock.release();
  }
}

interface Inspected {
  readonly logs: readonly LogReport[];
  readonly archives: readonly ArchiveReport[];
}

/** Shows progress, and nothing of it afterwards. */
async function inspected(data: string, deep: boolean, out: Output): Promise<Inspected> {
  const line = new ProgressLine(out);
  try {
    const logs = await inspectSpool(disk, data, deep, (progress) => showProgress(line, progress));
    return { logs, archives: await inspectArchives(disk, data, deep, (archive) => line.at(`reading ${archive}`, "")) };
  } finally {
    line.end();
  }
}

export function showProgress(line: ProgressLine, progress: InspectProgress): void {
  line.at(`reading ${progress.log}`, progress);
}

function report({ logs, archives }: Inspected, { json }: SpoolOptions, out: Output, what: string): number {
  const findings = [...logs, ...archives].flatMap((each) => each.findings);
  const problems = findings.filter(isProblem);
  const all = { logs: logs.map(withProblems), ...(archives.length === 0 ? {} : { archives: archives.map(withProblems) }) };
  if (json) out.stdout(`${JSON.stringify({ clean: problems.length === 0, ...all }, null, 2)}\n`);
  else out.stdout(text({ logs, archives }, findings, problems.length, what));
  return problems.length === 0 ? EXIT_OK : EXIT_PROBLEMS;
}

/** Says of each finding whether it is a problem, so that a program needn't know the kinds. */
function withProblems(log: LogReport | ArchiveReport): unknown {
  return { ...log, findings: log.findings.map((finding) => ({ ...finding, problem: isProblem(finding) })) };
}

function text({ logs, archives }: Inspected, findings: readonly SpoolFinding[], problemCount: number, what: string): string {
  if (logs.length === 0) return "There is no spool in this data folder.\n";
  const rows = logs.map((log) => [
    log.name,
    log.kind === "messages" ? "messages" : "dead letters",
    log.segments.length,
    log.bytes,
    log.messages,
    log.pending ?? (log.kind === "messages" ? "?" : "-"),
    log.kind === "messages" ? log.nextSequence : "-",
  ]);
  const kept = logs
    .filter(({ records, skips }) => records + skips > 0)
    .map(({ name, records, skips }) => `${name}: ${records} control records in force, ${skips} messages skipped and not confirmed\n`);
  const lines = findings.slice(0, FINDINGS_MAX).map(findingText);
  if (findings.length > FINDINGS_MAX) lines.push(`and ${findings.length - FINDINGS_MAX} more: see --json\n`);
  return [
    table(["log", "holds", "segments", "bytes", "messages", "pending", "next number"], rows),
    "\n",
    ...archives.map(archiveText),
    ...kept,
    ...lines,
    problemCount === 0
      ? "No problem found. "
      : `${problemCount} ${problemCount === 1 ? "problem" : "problems"} found: docs/spool-format.md, section 9, says what each means. `,
    `${what}\n`,
  ].join("");
}

function archiveText({ name, files, bytes, messages, fromMs, toMs }: ArchiveReport): string {
  const span = fromMs === null || toMs === null ? "" : `, from ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}`;
  return `${name}: the archive holds ${counted(files, "file")} with ${counted(messages, "message")}, ${bytesText(bytes)}${span}\n`;
}

/** One line, for a person. */
export function findingText(finding: SpoolFinding): string {
  return `${isProblem(finding) ? "PROBLEM" : "note"}: ${place(finding)}: ${finding.text}\n`;
}

function place({ path, offset, bytes }: SpoolFinding): string {
  return bytes === 0 && offset === 0 ? path : `${path} at byte ${offset}`;
}
