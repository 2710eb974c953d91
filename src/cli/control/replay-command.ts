/** Answers `replay`: some seconds of it; the command asks again until all is through. */
import { z } from "zod";
import type { ReplayCount, Replayed } from "../../flow/spool/replay.ts";
import type { Log } from "../../observe/log.ts";
import { counted } from "../output.ts";
import { eventIdText, nameText, numberValue, parsed, userText, type ControlParts } from "./control-parts.ts";

const REPLAY_ID_LENGTH_MAX = 100;
export const RATE_MAX = 1_000_000;

const count = {
  destination: nameText,
  filter: z.strictObject({
    fromMs: z.number().nullable(),
    toMs: z.number().nullable(),
    stream: nameText.nullable(),
    tenant: nameText.nullable(),
    rule: numberValue.nullable(),
    eventId: eventIdText.nullable(),
  }),
  span: z.strictObject({ next: numberValue, end: numberValue.nullable() }),
};
const send = {
  ...count,
  into: nameText,
  topic: nameText.nullable(),
  id: z.string().min(1).max(REPLAY_ID_LENGTH_MAX),
  rate: z.int().min(1).max(RATE_MAX),
  user: userText,
};

/** What `replay` sends. */
const replayPayload = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("count"), ...count }),
  z.strictObject({ action: z.literal("send"), ...send }),
]);

export async function answerReplay({ edge, log }: ControlParts, payload: unknown): Promise<ReplayCount | Replayed> {
  const asked = parsed(replayPayload, payload);
  if (asked.action === "count") {
    const { action: _, ...call } = asked;
    return (await edge.act("countReplay", call)) as ReplayCount;
  }
  const { action: _, user, ...call } = asked;
  const replayed = (await edge.act("replay", call)) as Replayed;
  tellReplayed(log, { ...call, user, ...replayed });
  return replayed;
}

interface ToldReplay extends Replayed {
  readonly destination: string;
  readonly into: string;
  readonly topic: string | null;
  readonly id: string;
  readonly user: string;
}

/** One line for each call that appended something. */
function tellReplayed(log: Pick<Log, "warn">, { destination, into, topic, id, user, appended, state, span }: ToldReplay): void {
  if (appended === 0) return;
  const target = topic === null ? into : `${into}:${topic}`;
  const text = `${user} replays messages of ${destination} into ${target} (${id}): ${counted(appended, "message")} appended`;
  log.warn({ destination, into, topic, replay: id, user, appended, state, after: span.next - 1 }, text);
}
