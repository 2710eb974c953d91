/** `sidestream spool inspect` and `sidestream spool fsck`: what is on disk, and whether it is as it should be. */
import { join } from "node:path";
import { disk } from "../flow/spool/disk.ts";
import { isProblem } from "../flow/spool/findings.ts";
import { inspectSpool, type LogReport } from "../flow/spool/inspect.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { SPOOL_FOLDER } from "../flow/spool/spool.ts";
import { table, type Output } from "./output.ts";

export interface SpoolOptions {
  /** The data folder. */
  readonly data: string;
  readonly json: boolean;
}

const EXIT_PROBLEMS = 1;
const EXIT_USAGE = 2;

/**
 * Lists the logs of a data folder and their segments; also while a program runs, then as a snapshot.
 *
 * @returns Exit status: 0, 1 when something is not as it should be, 2 when there is no spool.
 * @throws SidestreamError `SST_SPOOL_VERSION`, `SST_SPOOL_IO`.
 */
export async function runSpoolInspect(options: SpoolOptions, out: Output): Promise<number> {
  if (!(await hasSpool(options, out))) return EXIT_USAGE;
  const logs = await inspectSpool(disk, options.data, false, () => undefined);
  return print(logs, options, out);
}

/**
 * Reads every byte of every log. The program must not run: what it writes meanwhile would look like damage.
 *
 * A tail that a kill left unfinished is told but is no problem: nothing in it was acknowledged, the next start cuts it.
 *
 * @returns Exit status: 0 when all is well, 1 when something is not, 2 when there is no spool.
 * @throws SidestreamError `SST_SPOOL_LOCKED` while a program runs; `SST_SPOOL_VERSION`, `SST_SPOOL_IO`.
 */
export async function runSpoolFsck(options: SpoolOptions, out: Output): Promise<number> {
  if (!(await hasSpool(options, out))) return EXIT_USAGE;
  const lock = await lockDataFolder(options.data);
  try {
    const logs = await inspectSpool(disk, options.data, true, (text) => {
      if (out.isTerminal) out.stderr(`${text}\n`);
    });
    return print(logs, options, out);
  } finally {
    lock.release();
  }
}

async function hasSpool({ data }: SpoolOptions, out: Output): Promise<boolean> {
  if (await disk.exists(join(data, SPOOL_FOLDER))) return true;
  out.stderr(`there is no spool in ${data}: name the data folder with --data, or the configuration with --config\n`);
  return false;
}

function print(logs: readonly LogReport[], { json }: SpoolOptions, out: Output): number {
  const problems = logs.flatMap(({ findings }) => findings.filter(isProblem)).length;
  if (json) out.stdout(`${JSON.stringify({ clean: problems === 0, problems, logs }, null, 2)}\n`);
  else out.stdout(describe(logs, problems));
  return problems === 0 ? 0 : EXIT_PROBLEMS;
}

function describe(logs: readonly LogReport[], problems: number): string {
  const rows = logs.map((log) => [
    log.kind === "messages" ? log.name : `${log.name} (dead letters)`,
    log.segments.length,
    log.bytes,
    log.messages,
    log.pending ?? "",
    log.lowWater ?? "",
    log.nextSequence,
  ]);
  const findings = logs.flatMap((log) =>
    log.findings.map(
      (finding) => `${isProblem(finding) ? "PROBLEM" : "note"}  ${finding.kind}  ${finding.path}:${finding.offset}  ${finding.text}\n`,
    ),
  );
  const verdict = problems === 0 ? "no damage found\n" : `${problems} problems: docs/spool-format.md says what each means and what to do\n`;
  return `${table(["log", "segments", "bytes", "messages", "pending", "done below", "next"], rows)}\n${findings.join("")}${verdict}`;
}
