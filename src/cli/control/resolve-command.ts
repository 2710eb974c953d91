/** Answers `spool resolve`: what lanes stopped over, and what somebody decided. */
import { z } from "zod";
import { RESOLVE_ACTIONS, type LaneResolved } from "../../flow/transmit/lane-decision.ts";
import { counted } from "../output.ts";
import { nameText, numberValue, parsed, userText, type ControlParts } from "./control-parts.ts";

/** A topic's name and a partition's number. */
const LANE_LENGTH_MAX = 300;

/** What `spool resolve` sends. */
const resolvePayload = z.strictObject({
  destination: nameText,
  lane: z.string().max(LANE_LENGTH_MAX).nullable(),
  action: z.enum(RESOLVE_ACTIONS),
  through: numberValue.nullable(),
  user: userText,
});

/** @returns What was in doubt before, lane by lane. */
export async function answerResolve({ edge, log }: ControlParts, payload: unknown): Promise<readonly LaneResolved[]> {
  const { user, ...call } = parsed(resolvePayload, payload);
  const lanes = (await edge.act("resolve", call)) as readonly LaneResolved[];
  if (call.action === "show") return lanes;
  for (const { lane, count, skipped } of lanes) {
    const { destination } = call;
    const text = `${user} decided over lane ${lane} of ${destination}: of ${counted(count, "message")} in doubt ${skipped} are left out, the others are sent again`;
    log.warn({ destination, lane, user, count, skipped }, text);
  }
  return lanes;
}
