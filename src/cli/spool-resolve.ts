/**
 * `sidestream spool resolve DESTINATION:LANE [--resend | --skip [--through NUMBER]]`: a lane that stopped since nobody can
 * tell whether messages of it arrived.
 *
 * Promise: without a decision it only shows them. The running program carries the decision out: it is connected to the
 * destination, without which nobody knows what is in doubt.
 */
import { SidestreamError } from "../errors.ts";
import type { ResolveAction } from "../flow/lane-decision.ts";
import type { InDoubt } from "../flow/transmit/in-doubt.ts";
import { counted, table, type TextOutput } from "./output.ts";
import { ACT_ANSWER_MS_MAX, askRunning, userName } from "./spool-running.ts";

export interface ResolveOptions {
  /** `DESTINATION:LANE`, as the log and `status` tell it. */
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
  const action = actionOf(options);
  const payload = { destination, lane, action, through: throughOf(options), user: userName(environment) };
  const inDoubt = (await askRunning(data, "resolve", payload, ACT_ANSWER_MS_MAX)) as InDoubt | null;
  if (inDoubt === null)
    throw new SidestreamError(
      "SST_COMMAND_INVALID",
      `no sidestream runs in ${data}: start it first, since only the destination tells what is in doubt`,
    );
  out.stdout(
    json ? `${JSON.stringify({ destination, action, through: payload.through, ...inDoubt }, null, 2)}\n` : text(options, action, inDoubt),
  );
  return action === "show" ? EXIT_UNDECIDED : EXIT_OK;
}

function named(text: string): { readonly destination: string; readonly lane: string } {
  const colon = text.indexOf(":");
  if (colon > 0 && colon < text.length - 1) return { destination: text.slice(0, colon), lane: text.slice(colon + 1) };
  throw new SidestreamError(
    "SST_COMMAND_INVALID",
    `"${text}" is no lane: expected DESTINATION:LANE, such as kafka1:users/0, as \`status\` tells it`,
  );
}

function actionOf({ resend, skip, through }: ResolveOptions): ResolveAction {
  if (resend && skip) throw new SidestreamError("SST_COMMAND_INVALID", "--resend and --skip exclude each other");
  if (through !== null && !skip) throw new SidestreamError("SST_COMMAND_INVALID", "--through says how far --skip goes: give both");
  return resend ? "resend" : skip ? "skip" : "show";
}

function throughOf({ through }: ResolveOptions): number | null {
  if (through === null) return null;
  const number = Number(through);
  if (/^\d+$/.test(through) && Number.isSafeInteger(number)) return number;
  throw new SidestreamError("SST_COMMAND_INVALID", `--through takes a number of the log, as this command shows it: "${through}" is none`);
}

function text({ lane }: ResolveOptions, action: ResolveAction, { count, messages }: InDoubt): string {
  const rows = messages
    .slice(0, SHOWN_MAX)
    .map(({ logSequence, sequence, stream, tenant, key, eventId, acceptedMs }) => [
      logSequence,
      sequence,
      stream,
      tenant,
      key,
      eventId,
      new Date(acceptedMs).toISOString(),
    ]);
  const more = count > rows.length ? `... and ${count - rows.length} more\n` : "";
  const shown = `${table(["number", "sequence", "stream", "tenant", "key", "event", "accepted"], rows)}${more}`;
  const head = `${counted(count, "message")} of ${lane} may have been sent, and the destination can't tell which it has:\n${shown}`;
  if (action === "resend") return `${head}\nAll are sent again. Those that had arrived arrive twice.\n`;
  if (action === "skip") return `${head}\nThey are given up, as far as that was asked; the others are sent.\n`;
  return `${head}
Nothing was decided, and the lane stays stopped. Look into the topic for the last of these that arrived (by \`sequence\` or event), then:
  sidestream spool resolve ${lane} --skip --through NUMBER   those up to NUMBER arrived: leave them out, send the others
  sidestream spool resolve ${lane} --resend                  none arrived, or twice is better than never: send all
  sidestream spool resolve ${lane} --skip                    all arrived, or never is better than twice: leave all out
`;
}
