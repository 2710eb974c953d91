/**
 * `sidestream pause|resume DESTINATION`: nothing is sent to it until it is resumed, over restarts, too.
 *
 * Promise: the running program carries it out; where none runs it is done in the data folder, under its lock, so that a
 * program can be started with a destination held. Taking in goes on all the same.
 */
import { SidestreamError } from "../errors.ts";
import { Hold, holdText } from "../flow/hold.ts";
import type { HoldAnswer, HoldCall } from "../flow/hold-act.ts";
import { disk } from "../flow/spool/disk.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import type { Log } from "../observe/log.ts";
import type { DestinationHold } from "../observe/snapshot.ts";
import { REASON_LENGTH_MAX, tellHold } from "./control/operate-answers.ts";
import { assertDestination, placeToOperate, type OperateOptions } from "./operate-running.ts";
import { counted, type TextOutput } from "./output.ts";
import { askRunning, commandLog, userName } from "./spool-running.ts";

export interface HoldOptions extends OperateOptions {
  readonly destination: string;
  readonly action: "pause" | "resume";
  /** Only for `pause`; null: none was given. */
  readonly reason: string | null;
}

const EXIT_OK = 0;
/** Sends in flight end before the answer. */
const ANSWER_MS_MAX = 80_000;

/**
 * Holds a destination, or lets it go on.
 *
 * @returns Exit status 0, also where it was so before.
 * @throws SidestreamError `SST_COMMAND_INVALID` when there is no such destination, or the program doesn't run and no
 * configuration was named; `SST_SPOOL_LOCKED` when it runs and doesn't answer; what the disk says.
 */
export async function runHold(options: HoldOptions, out: TextOutput, log: Pick<Log, "warn"> = commandLog()): Promise<number> {
  const { destination, action, reason, environment, json } = options;
  if ((reason?.length ?? 0) > REASON_LENGTH_MAX)
    throw new SidestreamError("SST_COMMAND_INVALID", `the reason has ${reason?.length} characters, ${REASON_LENGTH_MAX} are the most`);
  const user = userName(environment);
  const place = await placeToOperate(options, "to know which destinations there are");
  assertDestination(place, destination);
  const hold: DestinationHold | null = action === "pause" ? { user, sinceMs: Date.now(), reason } : null;
  const answer =
    ((await askRunning(place.data, "hold", { destination, hold, user }, ANSWER_MS_MAX)) as HoldAnswer | null) ??
    (await holdOnDisk(place.data, { destination, hold }, user, log));
  const held = answer.before ?? hold;
  const now = action === "pause" ? held : null;
  out.stdout(
    json
      ? `${JSON.stringify({ destination, held: now, before: answer.before, pending: answer.pending }, null, 2)}\n`
      : text(options, answer),
  );
  return EXIT_OK;
}

/** What waits isn't counted: the log stays closed. */
type Held = Omit<HoldAnswer, "pending"> & { readonly pending: number | null };

async function holdOnDisk(data: string, { destination, hold: wanted }: HoldCall, user: string, log: Pick<Log, "warn">): Promise<Held> {
  const lock = await lockDataFolder(data);
  try {
    const hold = await Hold.open(disk, data, destination);
    const before = hold.now;
    if (wanted === null) await hold.clear();
    else if (before === null) await hold.set(wanted);
    tellHold(log, { destination, hold: wanted, before, user });
    return { before, pending: null };
  } finally {
    lock.release();
  }
}

function text({ action, destination }: HoldOptions, { before, pending }: Held): string {
  const waiting = pending === null ? "" : ` ${counted(pending, "message")} ${pending === 1 ? "waits" : "wait"}.`;
  if (action === "resume" && before === null) return `${destination} was not held: nothing to do.\n`;
  if (action === "resume" && pending === null)
    return `${destination} goes on with the next start. It was ${holdText(before as DestinationHold)}\n`;
  if (action === "resume") return `${destination} goes on. It was ${holdText(before as DestinationHold)}\n${waiting.trimStart()}\n`;
  const until = `Nothing is sent to it until \`sidestream resume ${destination}\`, over restarts, too. What comes is kept in its log.${waiting}\n`;
  return before === null ? `${destination} is held. ${until}` : `${destination} was held already (${holdText(before)}). ${until}`;
}
