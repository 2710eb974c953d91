/** Answers `dead redrive` and `dead purge`: some seconds of it; the command asks again until all is through. */
import { z } from "zod";
import type { LettersActed } from "../../flow/spool/redrive.ts";
import type { LetterFilter } from "../../flow/spool/letter-filter.ts";
import type { Log } from "../../observe/log.ts";
import { counted } from "../output.ts";
import { eventIdText, nameText, numberValue, parsed, userText, type ControlParts } from "./control-parts.ts";

/** What both send. */
const deadPayload = z.strictObject({
  action: z.enum(["redrive", "purge"]),
  destination: nameText,
  filter: z.strictObject({
    stream: nameText.optional(),
    tenant: nameText.optional(),
    reason: nameText.optional(),
    sinceMs: z.number().optional(),
    untilMs: z.number().optional(),
    eventId: eventIdText.optional(),
  }),
  span: z.strictObject({ from: numberValue, to: numberValue.nullable() }),
  user: userText,
});

export async function answerDead({ edge, log }: ControlParts, payload: unknown): Promise<LettersActed> {
  const { action, user, ...call } = parsed(deadPayload, payload);
  const acted = (await edge.act(action === "redrive" ? "redriveLetters" : "purgeLetters", call)) as LettersActed;
  tellLetters(log, { action, user, destination: call.destination, filter: call.filter, ...acted });
  return acted;
}

interface ToldLetters extends Pick<LettersActed, "done" | "skipped"> {
  readonly action: "redrive" | "purge";
  readonly destination: string;
  readonly filter: LetterFilter;
  readonly user: string;
}

/** One line for each call that did something, whoever carried it out. */
export function tellLetters(log: Pick<Log, "warn">, { action, destination, filter, user, done, skipped }: ToldLetters): void {
  if (done === 0) return;
  const what = action === "redrive" ? "redrove" : "purged";
  log.warn({ destination, action, filter, user, done, skipped }, `${user} ${what} ${counted(done, "dead letter")} of ${destination}`);
}
