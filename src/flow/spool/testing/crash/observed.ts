/** What a log tells after a start: read through its public face alone. */
import { isSidestreamError, type SidestreamError } from "../../../../errors.ts";
import { DestinationLog } from "../../destination-log.ts";
import type { DestinationLogStatus } from "../../log-status.ts";
import type { Disk } from "../../disk.ts";
import type { SpoolFinding } from "../../findings.ts";
import type { DestinationLogSettings } from "../../log-settings.ts";
import type { SpooledMessage } from "../../spooled.ts";
import { readAll } from "../fixtures.ts";
import { Violation } from "./violation.ts";

export const DATA_FOLDER = "/data";
export const LOG_FOLDER = "/data/spool/out";
export const DEAD_FOLDER = "/data/dead/out";
export const ARCHIVE_FOLDER = "/data/archive/out";
export const LOG_NAME = "out";
export const STREAM = "users-audit";

export type LogShape = Omit<DestinationLogSettings, "disk" | "folder" | "destination" | "onFinding">;

export interface Observed {
  readonly log: DestinationLog;
  readonly findings: readonly SpoolFinding[];
  /** Not done, in order. */
  readonly messages: readonly SpooledMessage[];
  readonly status: DestinationLogStatus;
}

export async function openLog(disk: Disk, shape: LogShape, findings: SpoolFinding[]): Promise<DestinationLog> {
  return DestinationLog.open({
    ...shape,
    disk,
    folder: LOG_FOLDER,
    destination: LOG_NAME,
    onFinding: (finding) => findings.push(finding),
  });
}

/** Starts and reads everything. A start that ends with an error of ours has answered; any other error is a violation. */
export async function observe(disk: Disk, shape: LogShape): Promise<Observed | SidestreamError> {
  const findings: SpoolFinding[] = [];
  let log: DestinationLog;
  try {
    log = await openLog(disk, shape, findings);
  } catch (error) {
    if (isSidestreamError(error)) return error;
    throw new Violation("the start ended with a fault of the program", { cause: error });
  }
  try {
    return { log, findings, ...(await readAtRest(log)) };
  } catch (error) {
    await log.close().catch(() => undefined);
    throw new Violation("what was found at the start could not be read", { cause: error });
  }
}

/** How often is read again what changed meanwhile. */
const READINGS_MAX = 8;

/** A log that gives up its oldest messages may do so while it is read: what is read must be what is counted then. */
async function readAtRest(log: DestinationLog): Promise<Pick<Observed, "messages" | "status">> {
  for (let left = READINGS_MAX; ; left--) {
    const messages = await readAll(log);
    // Its tables are the log's own, and it may go on.
    const status = structuredClone(log.status());
    const pending = Object.values(status.pending[STREAM] ?? {}).reduce((sum, count) => sum + count, 0);
    if (pending === messages.length || left === 0) return { messages, status };
    await new Promise((resolve) => void setImmediate(resolve));
  }
}
