/** Answers `spool resolve`: what a lane stopped over, and what somebody decided. */
import { z } from "zod";
import { RESOLVE_ACTIONS } from "../../flow/lane-decision.ts";
import type { InDoubt } from "../../flow/transmit/in-doubt.ts";
import type { Log } from "../../observe/log.ts";
import { counted } from "../output.ts";
import { nameText, parsed, userText, type ControlParts } from "./control-parts.ts";

/** A topic's name and a partition's number. */
const LANE_LENGTH_MAX = 300;

/** What `spool resolve` sends. */
const resolvePayload = z.strictObject({
  destination: nameText,
  lane: z.string().max(LANE_LENGTH_MAX),
  action: z.enum(RESOLVE_ACTIONS),
  through: z.int().min(0).nullable(),
  user: userText,
});

/** @returns What was in doubt before. */
export async function answerResolve({ edge, log }: ControlParts, payload: unknown): Promise<InDoubt> {
  const { user, ...call } = parsed(resolvePayload, payload);
  const inDoubt = (await edge.act("resolve", call)) as InDoubt;
  if (call.action !== "show") tellResolved(log, { ...call, user, count: inDoubt.count });
  return inDoubt;
}

interface Resolved {
  readonly destination: string;
  readonly lane: string;
  readonly action: string;
  readonly through: number | null;
  readonly user: string;
  readonly count: number;
}

function tellResolved(log: Pick<Log, "warn">, resolved: Resolved): void {
  const { destination, lane, action, through, user, count } = resolved;
  const what = action === "resend" ? "all are sent again" : `those ${through === null ? "" : `up to number ${through} `}are given up`;
  log.warn(resolved, `${user} decided over lane ${lane} of ${destination}, with ${counted(count, "message")} in doubt: ${what}`);
}
