/** `sidestream status`: asks the running program how it does. */
import { askControlSocket } from "../admin/control-socket.ts";
import { assertDataFolder } from "./data-folder.ts";
import { orphanReports } from "./orphan-report.ts";
import type { Output } from "./output.ts";
import { needsAttention, printStatus, type StatusReport } from "./status-report.ts";

/**
 * Prints the status.
 *
 * @returns Exit status: 0, or 1 when something needs a person: a destination down, held, stopped or without room, the
 * engine gone, messages waiting in an orphaned log, or counts that don't add up.
 * @throws SidestreamError `SST_STATUS_UNREACHABLE` when no program runs on the data folder, `SST_DATA_MISSING` when it is none.
 */
export async function runStatus(dataFolder: string, options: { readonly json: boolean }, out: Output): Promise<number> {
  const report = (await askControlSocket(dataFolder, "status", null).catch(async (error: unknown) => {
    await assertDataFolder(dataFolder);
    throw error;
  })) as StatusReport;
  const orphanedLogs = await orphanReports(dataFolder, report.orphaned);
  out.stdout(options.json ? `${JSON.stringify({ ...report, orphanedLogs }, null, 2)}\n` : printStatus(report, orphanedLogs));
  return needsAttention(report, orphanedLogs) ? 1 : 0;
}
