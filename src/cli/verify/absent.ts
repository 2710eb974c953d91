/**
 * What logs numbered for a topic that has nothing of it.
 *
 * Promise: it counts as missing only where the log is known to write to this topic, by its messages or by the configuration,
 * and where nothing there may have been deleted. Else it is told as undecided, never passed over. Logs number for each of
 * their topics apart, so what a stream sends to other topics doesn't count.
 */
import { counted } from "../output.ts";
import { emptySeries, type Ledger } from "./ledger.ts";
import type { KnownLog, Knowledge } from "./log-knowledge.ts";
import { NumberRoom } from "./number-set.ts";
import { judgeAbsent, type Doubt, type SeriesVerdict } from "./verdict.ts";

export interface Absences {
  /** Also of series that the ledger has, with replays alone. */
  readonly verdicts: readonly SeriesVerdict[];
  /** Of logs that seem to be other destinations', for people. */
  readonly doubts: readonly string[];
}

interface Question {
  readonly topic: string;
  /** The only stream that counts; null: all. */
  readonly stream: string | null;
  /** Whether a log is that of the destination that has the topic; null: it can't be told. */
  readonly isOurs: (log: KnownLog) => boolean | null;
}

export function absences(ledger: Ledger, knowledge: Knowledge, { topic, stream, isOurs }: Question): Absences {
  const room = new NumberRoom();
  const verdicts: SeriesVerdict[] = [];
  const doubts: string[] = [];
  // Those that have messages come last, and count.
  const ofLogs = ledger.series().toSorted((left, right) => left.messages - right.messages);
  const met = new Map(ofLogs.map((series) => [`${series.logId}\n${series.stream}`, series]));
  const foldersHere = new Set([...ledger.logIds].flatMap((logId) => knowledge.logs.get(logId)?.data ?? []));
  const deletes = [...ledger.partitions.values()].some(({ isFromBegin }) => !isFromBegin);
  for (const [logId, log] of knowledge.logs) {
    const ours = ledger.logIds.has(logId) || isOurs(log);
    if (ours === false) continue;
    if (log.next === null) {
      doubts.push(`${nameOf(log)} lost its state to damage, so that nobody knows what else it numbered: \`sidestream spool fsck\``);
      continue;
    }
    const streams = [...log.next].filter(
      ([id, next]) => next > 1 && (stream ?? id) === id && (met.get(`${logId}\n${id}`)?.messages ?? 0) === 0,
    );
    if (streams.length === 0) continue;
    if (ours === null && foldersHere.has(log.data)) {
      const count = streams.reduce((sum, [, next]) => sum + next - 1, 0);
      doubts.push(
        `${nameOf(log)} numbered ${counted(count, "message")} for a topic ${topic}, and none of them is here, while another log of that ` +
          "folder writes here: it seems to be of another destination. If it isn't, they are missing",
      );
      continue;
    }
    const doubt: Doubt | null = ours === null ? "elsewhere" : deletes ? "deleted" : null;
    for (const [id, next] of streams) {
      const series = met.get(`${logId}\n${id}`) ?? emptySeries({ instance: "", logId, stream: id }, room);
      verdicts.push(judgeAbsent(series, next, knowledge, doubt));
    }
  }
  return { verdicts, doubts };
}

export function nameOf({ name, data }: KnownLog): string {
  return `log ${name} in ${data}`;
}
