/**
 * `sidestream discard DESTINATION`: gives up messages that wait, those of a stream, of a tenant, before a time, or all.
 *
 * Promise: what was chosen is counted first, and without `--yes` that is all. The running program carries it out, some
 * seconds at a time, while it doesn't send to that destination; where none runs it is done on the spool, under its lock.
 */
import { join } from "node:path";
import { didYouMean } from "../flow/match/suggest.ts";
import { REASON_DISCARDED } from "../flow/discard-act.ts";
import { countMessages, type Counted, type MessageCount } from "../flow/spool/count-messages.ts";
import { disk } from "../flow/spool/disk.ts";
import { SPOOL_FOLDER } from "../flow/spool/folders.ts";
import { giveUp, isChosen, type Choice, type GivenUp } from "../flow/spool/give-up.ts";
import type { DestinationLog } from "../flow/spool/destination-log.ts";
import { bytesText } from "../observe/bytes-text.ts";
import type { Log } from "../observe/log.ts";
import { tellDiscarded } from "./control/operate-answers.ts";
import { assertDestination, endedMidway, onSpool, placeToOperate, type OperateOptions, type Place } from "./operate-running.ts";
import { counted, table, type Output } from "./output.ts";
import { ProgressLine } from "./spool-progress.ts";
import { ACT_ANSWER_MS_MAX, askRunning, commandLog, configMissing, userName } from "./spool-running.ts";

export interface DiscardOptions extends OperateOptions, Choice {
  readonly destination: string;
  /** False: only count. */
  readonly yes: boolean;
  /** The flags as they were given, to be given again. */
  readonly given: string;
}

const EXIT_OK = 0;
const EXIT_NOT_DONE = 1;
const ROWS_MAX = 50;

/**
 * Counts, and gives up where that is wanted.
 *
 * @returns Exit status: 0, or 1 when nothing was given up for want of `--yes`.
 * @throws SidestreamError `SST_COMMAND_INVALID` when there is no such destination, or the program doesn't run and no
 * configuration was named; `SST_SPOOL_LOCKED` when it runs and doesn't answer; what the log says.
 */
export async function runDiscard(options: DiscardOptions, out: Output, log: Pick<Log, "warn"> = commandLog()): Promise<number> {
  const { destination, yes, json } = options;
  const place = await placeToOperate(options, "to open its log");
  assertDestination(place, destination);
  const line = new ProgressLine(out);
  let count: MessageCount;
  let discarded = 0;
  try {
    count = await countChosen(place.data, options, line);
    if (yes && messagesOf(count.rows) > 0) discarded = await discard(place, options, line, log);
  } finally {
    line.end();
  }
  out.stdout(json ? forPrograms(options, count.rows, discarded) : text(options, count, discarded));
  return yes || messagesOf(count.rows) === 0 ? EXIT_OK : EXIT_NOT_DONE;
}

async function countChosen(data: string, options: DiscardOptions, line: ProgressLine): Promise<MessageCount> {
  const { destination } = options;
  const folder = join(data, SPOOL_FOLDER, destination);
  if (!(await disk.exists(folder))) return { rows: [], known: { streams: [], tenants: [] } };
  const count = await countMessages({
    disk,
    folder,
    kind: "messages",
    isChosen: (message) => isChosen(options, message),
    mayHold: () => true,
    onProgress: (progress) => line.at(`counting what waits for ${destination}`, progress),
  });
  const rows = count.rows.filter(({ messages }) => messages > 0).toSorted((left, right) => right.messages - left.messages);
  return { ...count, rows };
}

async function discard(place: Place, options: DiscardOptions, line: ProgressLine, log: Pick<Log, "warn">): Promise<number> {
  const { destination, stream, tenant, beforeMs, environment } = options;
  const choice = { stream, tenant, beforeMs };
  const user = userName(environment);
  if (place.status === null) {
    if (place.loaded === null) throw await configMissing(place.data, "to open its log");
    return await onSpool(place.loaded, [destination], log, async (spool) => {
      const call = { ...choice, reason: REASON_DISCARDED, from: 0, to: null };
      const { messages } = await giveUp(spool.logs.get(destination) as DestinationLog, call, Number.POSITIVE_INFINITY);
      tellDiscarded(log, { destination, ...choice, messages, user });
      return messages;
    });
  }
  let given: GivenUp | null = null;
  let all = 0;
  do {
    const call = { destination, ...choice, from: given?.next ?? 0, to: given?.to ?? null, user };
    given = (await askRunning(place.data, "discard", call, ACT_ANSWER_MS_MAX)) as GivenUp | null;
    if (given === null) throw endedMidway(`after at least ${counted(all, "message")} of ${destination} were given up`);
    all += given.messages;
    line.at(`discarding from ${destination}`, `${counted(all, "message")} given up`);
  } while (given.next < given.to);
  return all;
}

function messagesOf(rows: readonly Counted[]): number {
  return rows.reduce((sum, { messages }) => sum + messages, 0);
}

function forPrograms({ destination, yes }: DiscardOptions, rows: readonly Counted[], discarded: number): string {
  const chosen = rows.map(({ stream, tenant, messages, bytes, oldestMs }) => ({ stream, tenant, messages, bytes, oldestMs }));
  return `${JSON.stringify({ destination, chosen: messagesOf(rows), discarded: yes ? discarded : null, rows: chosen }, null, 2)}\n`;
}

function text(options: DiscardOptions, { rows, known }: MessageCount, discarded: number): string {
  const { destination, yes, given } = options;
  const chosen = messagesOf(rows);
  if (chosen === 0) return `Nothing of that waits for ${destination}: nothing to discard.${hintOf(options, known)}\n`;
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  const body = rows
    .slice(0, ROWS_MAX)
    .map((row) => [row.stream, row.tenant, row.messages, bytesText(row.bytes), new Date(row.oldestMs).toISOString()]);
  const more = rows.length > ROWS_MAX ? `and ${rows.length - ROWS_MAX} more: see --json\n` : "";
  const list = `${counted(chosen, "message")} that ${chosen === 1 ? "waits" : "wait"} for ${destination}, ${bytesText(bytes)}:\n${table(["stream", "tenant", "messages", "bytes", "oldest"], body)}${more}`;
  if (!yes) return `${list}Nothing was discarded. To give them up for good: sidestream discard ${given} --yes\n`;
  return `${list}Given up for good: ${counted(discarded, "message")}, counted as dropped, reason ${REASON_DISCARDED}. What was on its way may have arrived all the same.\n`;
}

/** Names that may be meant. */
function hintOf({ stream, tenant }: Choice, known: MessageCount["known"]): string {
  const hint = (what: string, name: string | null, names: readonly string[]): string => {
    if (name === null || names.includes(name)) return "";
    const meant = didYouMean(name, names);
    return ` Its log never had a message of ${what} "${name}"${meant === "" ? "." : meant}`;
  };
  return hint("stream", stream, known.streams) + hint("tenant", tenant, known.tenants);
}
