/** `sidestream status`: asks the running program how it does. */
import { askControlSocket } from "../admin/control-socket.ts";
import type { Output } from "./output.ts";
import { needsAttention, printStatus, type StatusReport } from "./status-report.ts";

/**
 * Prints the status.
 *
 * @returns Exit status: 0, or 1 when something needs a person: a destination down, stopped or without room, the
 * engine gone, or counts that don't add up.
 * @throws SidestreamError `SST_STATUS_UNREACHABLE` when no program runs on the data folder.
 */
export async function runStatus(dataFolder: string, options: { readonly json: boolean }, out: Output): Promise<number> {
  const report = (await askControlSocket(dataFolder, "status", null)) as StatusReport;
  out.stdout(options.json ? `${JSON.stringify(report, null, 2)}\n` : printStatus(report));
  return needsAttention(report) ? 1 : 0;
}
