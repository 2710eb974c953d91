/**
 * What the running program answers over its control socket.
 *
 * Promise: a command that changes something is logged with the name of the user who gave it, before and after.
 */
import { z } from "zod";
import { SidestreamError } from "../errors.ts";
import { IDENTITY_ACTIONS, type IdentityRows } from "../flow/identity-act.ts";
import type { Adopted } from "../flow/spool/adopt.ts";
import type { Log } from "../observe/log.ts";
import { nameText, parsed, userText, type ControlParts } from "./control/control-parts.ts";
import { answerDead } from "./control/dead-command.ts";
import { answerDiscard, answerDrain, answerHold, answerPurgeEvents, answerPurgeTenant } from "./control/operate-answers.ts";
import { answerReplay } from "./control/replay-command.ts";
import { answerResolve } from "./control/resolve-command.ts";
import { counted } from "./output.ts";
import { statusOf } from "./status-report.ts";

/** What `spool identity` sends. */
const identityPayload = z.strictObject({ destination: nameText, action: z.enum(IDENTITY_ACTIONS), user: userText });
/** What `spool adopt` sends. */
const adoptPayload = z.strictObject({ log: nameText, destination: nameText, user: userText });
/** What `spool purge` sends. */
const purgePayload = z.strictObject({ log: nameText, user: userText });

/** What it gets. */
export interface IdentityAnswer {
  readonly before: IdentityRows;
  readonly after: IdentityRows;
}

/** What answers each command. */
const COMMANDS: Readonly<Record<string, (parts: ControlParts, payload: unknown) => Promise<unknown>>> = {
  status: async ({ loaded, edge }) => statusOf(loaded, await edge.status()),
  identity: (parts, payload) => identity(parts, parsed(identityPayload, payload)),
  adopt: (parts, payload) => adopt(parts, parsed(adoptPayload, payload)),
  purge: (parts, payload) => purge(parts, parsed(purgePayload, payload)),
  resolve: answerResolve,
  hold: answerHold,
  discard: answerDiscard,
  drain: answerDrain,
  purgeTenant: answerPurgeTenant,
  purgeEvents: answerPurgeEvents,
  dead: answerDead,
  replay: answerReplay,
};

/** @throws SidestreamError `SST_COMMAND_INVALID` for a command or a payload that this release doesn't know. */
export async function answerCommand(parts: ControlParts, command: string, payload: unknown): Promise<unknown> {
  const answer = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (answer === undefined)
    throw new SidestreamError("SST_COMMAND_INVALID", `the running program knows no command "${command.slice(0, 100)}"`);
  return await answer(parts, payload);
}

type Parts = Pick<ControlParts, "edge" | "log">;

async function identity({ edge, log }: Parts, { destination, action, user }: z.infer<typeof identityPayload>): Promise<IdentityAnswer> {
  const before = await edge.identity({ destination, action: "show" });
  if (action === "show") return { before, after: before };
  const after = await edge.identity({ destination, action });
  tellDecision(log, { destination, action, user, before, after });
  return { before, after };
}

/** Some seconds of it; the command asks again until all is moved. */
async function adopt({ edge, log }: Parts, { user, ...call }: z.infer<typeof adoptPayload>): Promise<Adopted> {
  const adopted = await edge.adopt(call);
  tellAdopted(log, { ...call, user, ...adopted });
  return adopted;
}

/** What `spool purge` gets. */
export interface PurgeAnswer {
  readonly purged: true;
}

async function purge({ edge, log }: Parts, { user, ...call }: z.infer<typeof purgePayload>): Promise<PurgeAnswer> {
  await edge.purge(call);
  tellPurged(log, { ...call, user });
  return { purged: true };
}

export interface Decision extends IdentityAnswer {
  readonly destination: string;
  readonly action: string;
  readonly user: string;
}

/** One line, whoever carried the decision out. */
export function tellDecision(log: Pick<Log, "warn">, { destination, action, user, before, after }: Decision): void {
  const fields = { destination, action, user, before: Object.fromEntries(before), after: Object.fromEntries(after) };
  log.warn(fields, `the identity of ${destination}: ${user} decided to ${action}`);
}

/** One line for each call that moved something or ended it. */
export function tellAdopted(log: Pick<Log, "warn">, told: Adopted & { log: string; destination: string; user: string }): void {
  const { moved, left, state } = told;
  if (moved === 0 && state !== "done") return;
  log.warn(
    told,
    `${told.user} has ${told.destination} adopt the orphaned log ${told.log}: ${counted(moved, "message")} moved, ${left} left`,
  );
}

/** Likewise. */
export function tellPurged(log: Pick<Log, "warn">, told: { readonly log: string; readonly user: string }): void {
  log.warn(told, `${told.user} purged the orphaned log ${told.log} with its dead letters`);
}
