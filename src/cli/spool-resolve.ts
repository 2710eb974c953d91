/**
 * `sidestream spool resolve DESTINATION[:LANE] [--resend | --skip [--through NUMBER]]`: lanes that stopped, since nobody can
 * tell whether messages of them arrived.
 *
 * Promise: without a decision it only shows them. The running program carries the decision out: it is connected to the
 * destination, without which nobody knows what is in doubt.
 */
import { SidestreamError } from "../errors.ts";
import type { LaneResolved, ResolveAction } from "../flow/transmit/lane-decision.ts";
import { counted, table, type TextOutput } from "./output.ts";
import { ACT_ANSWER_MS_MAX, askRunning, userName } from "./spool-running.ts";

export interface ResolveOptions {
  /** `DESTINATION:LANE`, as the log and `status` tell it; without the lane every one that stopped. */
  readonly lane: string;
  readonly resend: boolean;
  readonly skip: boolean;
  /** With `skip`: messages up to this number in the log; the others are sent. */
  readonly through: string | null;
  readonly data: string;
  readonly json: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const EXIT_OK = 0;
/** Something is in doubt, and nothing was decided. */
const EXIT_UNDECIDED = 1;
/** Lines for people; `--json` has more. */
const SHOWN_MAX = 20;

/**
 * Shows or decides.
 *
 * @returns Exit status: 0, or 1 when it was only shown.
 * @throws SidestreamError `SST_COMMAND_INVALID` for what isn't a lane, isn't stopped, or when no program runs.
 */
export async function runSpoolResolve(options: ResolveOptions, out: TextOutput): Promise<number> {
  const { data, environment, json } = options;
  const { destination, lane } = named(options.lane);
  const action = actionOf(options, lane);
  const payload = { destination, lane, action, through: throughOf(options), user: userName(environment) };
  const lanes = (await askRunning(data, "resolve", payload, ACT_ANSWER_MS_MAX)) as readonly LaneResolved[] | null;
  if (lanes === null) {
    const text = `no sidestream runs in ${data}: only the destination tells what is in doubt, so it must run`;
    throw new SidestreamError("SST_STATUS_UNREACHABLE", text);
  }
  out.stdout(json ? `${JSON.stringify({ destination, action, lanes }, null, 2)}\n` : text(destination, action, lanes));
  return action === "show" && lanes.length > 0 ? EXIT_UNDECIDED : EXIT_OK;
}

function named(text: string): { readonly destination: string; readonly lane: string | null } {
  const colon = text.indexOf(":");
  if (colon === -1 && text !== "") return { destination: text, lane: null };
  if (colon > 0 && colon < text.length - 1) return { destination: text.slice(0, colon), lane: text.slice(colon + 1) };
  const problem = `"${text}" is no lane: expected DESTINATION:LANE, such as kafka1:users/0, as \`status\` tells it, or DESTINATION for all`;
  throw new SidestreamError("SST_COMMAND_INVALID", problem);
}

function actionOf({ resend, skip, through }: ResolveOptions, lane: string | null): ResolveAction {
  if (resend && skip) throw new SidestreamError("SST_COMMAND_INVALID", "--resend and --skip exclude each other");
  if (through !== null && !skip) throw new SidestreamError("SST_COMMAND_INVALID", "--through says how far --skip goes: give both");
  if (through !== null && lane === null)
    throw new SidestreamError("SST_COMMAND_INVALID", "--through is a number of one lane: name it, as in kafka1:users/0");
  return resend ? "resend" : skip ? "skip" : "show";
}

function throughOf({ through }: ResolveOptions): number | null {
  if (through === null) return null;
  const number = Number(through);
  if (/^\d+$/.test(through) && Number.isSafeInteger(number)) return number;
  throw new SidestreamError("SST_COMMAND_INVALID", `--through takes a number of the log, as this command shows it: "${through}" is none`);
}

function text(destination: string, action: ResolveAction, lanes: readonly LaneResolved[]): string {
  if (lanes.length === 0) return `No lane of ${destination} is stopped over messages in doubt.\n`;
  return lanes.map((lane) => laneText(`${destination}:${lane.lane}`, action, lane)).join("\n");
}

function laneText(name: string, action: ResolveAction, { count, messages, skipped }: LaneResolved): string {
  const head = ["number", "sequence", "stream", "tenant", "key", "event", "accepted", "delivery"];
  const rows = messages
    .slice(0, SHOWN_MAX)
    .map(({ logSequence, sequence, stream, tenant, key, eventId, acceptedMs, exactlyOnce }) => [
      logSequence,
      sequence,
      stream,
      tenant,
      key,
      eventId,
      new Date(acceptedMs).toISOString(),
      exactlyOnce ? "exactly-once" : "at-least-once",
    ]);
  const more = count > rows.length ? `... and ${count - rows.length} more\n` : "";
  const shown = `${counted(count, "message")} of ${name} may have been sent, and the destination can't tell which it has:\n${table(head, rows)}${more}`;
  if (action !== "show")
    return `${shown}\nDecided: ${counted(skipped, "message")} left out, ${counted(count - skipped, "message")} sent again, and what waits behind.\n`;
  return `${shown}
Nothing was decided, and the lane stays stopped. Look into the topic for the last of these that arrived (by its sequence or event), then:
  sidestream spool resolve ${name} --skip --through NUMBER   those up to NUMBER (first column) arrived: leave them out, send the others
  sidestream spool resolve ${name} --resend                  none arrived, or twice is better than never: send all
  sidestream spool resolve ${name} --skip                    all arrived, or never is better than twice: leave all out
`;
}
