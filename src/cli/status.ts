/** `sidestream status`: asks the running program how it does. */
import { askControlSocket } from "../admin/control-socket.ts";
import type { Output } from "./output.ts";
import { printStatus, type StatusReport } from "./status-report.ts";

/**
 * Prints the status.
 *
 * @returns Exit status: 0, or 1 when the counters don't add up or a destination is stopped.
 * @throws SidestreamError `SST_STATUS_UNREACHABLE` when no program runs on the data folder.
 */
export async function runStatus(dataFolder: string, options: { readonly json: boolean }, out: Output): Promise<number> {
  const report = (await askControlSocket(dataFolder, "status", null)) as StatusReport;
  out.stdout(options.json ? `${JSON.stringify(report, null, 2)}\n` : printStatus(report));
  const isStopped = report.destinations.some(({ stopped }) => stopped !== null);
  return report.breaches.length > 0 || isStopped ? 1 : 0;
}
