/**
 * `sidestream replay`: messages that a destination had are sent once more, to it or to another.
 *
 * Promise: they are counted first, and without `--yes` that is all. The running program carries it out, in pieces of a
 * few seconds, each asked for: when the command ends, so does the replay, and it says where.
 */
import { randomBytes } from "node:crypto";
import { SidestreamError } from "../errors.ts";
import type { Environment } from "../config/secrets.ts";
import type { ReplayCount, Replayed, ReplayFilter, ReplayRow, ReplaySpan } from "../flow/spool/replay.ts";
import { unknownDestination } from "../flow/unknown-destination.ts";
import { bytesText } from "../observe/bytes-text.ts";
import { assertDataFolder } from "./data-folder.ts";
import { counted, table, type Output } from "./output.ts";
import { ProgressLine } from "./spool-progress.ts";
import { ACT_ANSWER_MS_MAX, askRunning, runningStatus, userName } from "./spool-running.ts";

export interface ReplayOptions {
  /** Null: the only one that there is. */
  readonly destination: string | null;
  readonly filter: ReplayFilter;
  /** Where they are sent to; null: to where they were sent before. */
  readonly into: { readonly destination: string; readonly topic: string | null } | null;
  /** Messages per second. */
  readonly rate: number;
  /** Number of the log behind which it begins. */
  readonly after: number;
  /** Only count. */
  readonly check: boolean;
  /** Without it, too. */
  readonly yes: boolean;
  readonly data: string;
  readonly json: boolean;
  readonly environment: Environment;
}

const EXIT_OK = 0;
const EXIT_NOT_DONE = 1;
/** Rows shown to a person; `--json` has all. */
const ROWS_SHOWN = 50;

interface Counted {
  readonly rows: readonly ReplayRow[];
  readonly messages: number;
  readonly bytes: number;
  /** What came later is none of it. */
  readonly end: number;
}

/**
 * Counts, and replays when that is wanted.
 *
 * @returns Exit status: 0, or 1 when nothing was replayed for want of `--yes`.
 * @throws SidestreamError `SST_STATUS_UNREACHABLE` when no program runs, `SST_COMMAND_INVALID` for a destination that is none;
 * `SST_SPOOL_FULL` when the log has no room for all of it; what the program answers.
 */
export async function runReplay(options: ReplayOptions, out: Output): Promise<number> {
  const { check, yes, json } = options;
  const destination = await sourceOf(options);
  const meant = await count(options, destination, out);
  const isCarriedOut = yes && !check && meant.messages > 0;
  const id = isCarriedOut ? `replay-${randomBytes(6).toString("hex")}` : null;
  if (!json) out.stdout(countText(options, destination, meant));
  if (id !== null && !json) out.stdout(`Replay ${id} begins: each message carries it in its header sidestream-replay.\n`);
  const appended = id === null ? 0 : await replay(options, destination, meant, id, out);
  if (json) {
    const { rows, messages, bytes } = meant;
    out.stdout(`${JSON.stringify({ destination, replay: id, appended, messages, bytes, rows }, null, 2)}\n`);
  } else if (id !== null)
    out.stdout(`${counted(appended, "message")} appended to the log of ${options.into?.destination ?? destination}.\n`);
  return check || yes ? EXIT_OK : EXIT_NOT_DONE;
}

/** Which destination's messages are meant. */
async function sourceOf({ data, destination, into }: ReplayOptions): Promise<string> {
  const status = await runningStatus(data);
  if (status === null) {
    await assertDataFolder(data);
    throw new SidestreamError("SST_STATUS_UNREACHABLE", `no sidestream runs in ${data}: only the running program can replay`);
  }
  const names = status.destinations.map((each) => each.destination);
  for (const name of [destination, into?.destination ?? null])
    if (name !== null && !names.includes(name)) throw unknownDestination(name, names);
  const name = destination ?? (names.length === 1 ? names[0] : undefined);
  if (name !== undefined) return name;
  throw new SidestreamError("SST_COMMAND_INVALID", `say whose messages are meant with --destination: there are ${names.join(", ")}`);
}

async function count({ data, filter, after }: ReplayOptions, destination: string, out: Output): Promise<Counted> {
  const line = new ProgressLine(out);
  const rows = new Map<string, ReplayRow>();
  let span: ReplaySpan = { next: after + 1, end: null };
  try {
    for (;;) {
      const answer = (await ask(data, { action: "count", destination, filter, span })) as ReplayCount;
      for (const row of answer.rows) add(rows, row);
      if (answer.state === "done") {
        const all = [...rows.values()].toSorted((a, b) => b.messages - a.messages);
        return { rows: all, ...sumOf(all), end: answer.span.end };
      }
      span = answer.span;
      line.at(`counting what ${destination} had`, `${sumOf([...rows.values()]).messages} so far`);
    }
  } finally {
    line.end();
  }
}

function add(rows: Map<string, ReplayRow>, row: ReplayRow): void {
  const key = JSON.stringify([row.stream, row.tenant, row.topic]);
  const into = rows.get(key);
  if (into === undefined) rows.set(key, { ...row });
  else {
    into.messages += row.messages;
    into.bytes += row.bytes;
  }
}

function sumOf(rows: readonly ReplayRow[]): { readonly messages: number; readonly bytes: number } {
  return rows.reduce((sum, row) => ({ messages: sum.messages + row.messages, bytes: sum.bytes + row.bytes }), { messages: 0, bytes: 0 });
}

/** Asks until all that was counted is through, or nothing moves any more. @returns How many were appended. */
async function replay(options: ReplayOptions, destination: string, { messages, end }: Counted, id: string, out: Output): Promise<number> {
  const { data, filter, into, rate, after, environment } = options;
  const line = new ProgressLine(out);
  const target = { into: into?.destination ?? destination, topic: into?.topic ?? null };
  let span: ReplaySpan = { next: after + 1, end };
  let appended = 0;
  try {
    for (;;) {
      const call = { action: "send", destination, filter, span, ...target, id, rate, user: userName(environment) };
      const answer = (await ask(data, call).catch((error: unknown) => {
        const more = `${counted(appended, "message")} appended for certain, and perhaps some seconds' worth more`;
        out.stderr(`${more}; --after ${span.next - 1} goes on behind those that are certain\n`);
        throw error;
      })) as Replayed;
      appended += answer.appended;
      span = answer.span;
      if (answer.state === "done") return appended;
      if (answer.state === "full") throw fullError(target.into, appended, span.next - 1);
      line.at(`replaying into ${target.into}`, `${appended} of ${messages}; --after ${span.next - 1} goes on here`);
    }
  } finally {
    line.end();
  }
}

async function ask(data: string, payload: unknown): Promise<unknown> {
  const answer = await askRunning(data, "replay", payload, ACT_ANSWER_MS_MAX);
  if (answer !== null) return answer;
  throw new SidestreamError("SST_STATUS_UNREACHABLE", "the program ended, or doesn't answer any more: what was appended is sent");
}

function fullError(into: string, appended: number, after: number): SidestreamError {
  const why = `the log of ${into} is half full, and the rest of it is left to its own messages`;
  const next = `give the command again with --after ${after} once it is emptier, which it becomes while the destination is up`;
  return new SidestreamError("SST_SPOOL_FULL", `${why}: ${counted(appended, "message")} appended; ${next}`);
}

function countText({ check, yes, into, rate }: ReplayOptions, destination: string, { rows, messages, bytes }: Counted): string {
  if (messages === 0)
    return `Nothing that ${destination} had and that is still on disk is meant. How long it stays: \`retain\` of the destination.\n`;
  const shown = rows.slice(0, ROWS_SHOWN).map((row) => [row.stream, row.tenant, row.topic, row.messages, row.bytes]);
  const rest = rows.length > ROWS_SHOWN ? `and ${rows.length - ROWS_SHOWN} rows more: see --json\n` : "";
  const topic = into?.topic ?? null;
  const where = `${into?.destination ?? destination}${topic === null ? "" : `:${topic}`}`;
  const seconds = Math.ceil(messages / rate);
  const sum = `${counted(messages, "message")}, ${bytesText(bytes)}; into ${where} at ${rate}/s that takes ${seconds} s at least.\n`;
  const next = check || yes ? "" : "Nothing was replayed. To do it, give the same command with --yes.\n";
  return `${table(["stream", "tenant", "topic", "messages", "bytes"], shown)}\n${rest}${sum}${next}`;
}
