/**
 * What the running program answers over its control socket.
 *
 * Promise: a command that changes something is logged with the name of the user who gave it, before and after.
 */
import { z } from "zod";
import type { Loaded } from "../config/load.ts";
import { SidestreamError } from "../errors.ts";
import type { Edge } from "../flow/edge.ts";
import { IDENTITY_ACTIONS, type IdentityRows } from "../flow/identity-act.ts";
import type { Adopted } from "../flow/spool/adopt.ts";
import type { Log } from "../observe/log.ts";
import { counted } from "./output.ts";
import { statusOf } from "./status-report.ts";

const name = z.string().max(255);
const user = z.string().max(200);
/** What `spool identity` sends. */
const identityPayload = z.strictObject({ destination: name, action: z.enum(IDENTITY_ACTIONS), user });
/** What `spool adopt` sends. */
const adoptPayload = z.strictObject({ log: name, destination: name, user });
/** What `spool purge` sends. */
const purgePayload = z.strictObject({ log: name, user });

/** What it gets. */
export interface IdentityAnswer {
  readonly before: IdentityRows;
  readonly after: IdentityRows;
}

export interface ControlParts {
  readonly loaded: Loaded;
  readonly edge: Pick<Edge, "status" | "identity" | "adopt" | "purge">;
  readonly log: Pick<Log, "warn">;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` for a command or a payload that this release doesn't know. */
export async function answerCommand({ loaded, edge, log }: ControlParts, command: string, payload: unknown): Promise<unknown> {
  switch (command) {
    case "status":
      return statusOf(loaded, await edge.status());
    case "identity":
      return identity({ edge, log }, parsed(identityPayload, payload));
    case "adopt":
      return adopt({ edge, log }, parsed(adoptPayload, payload));
    case "purge":
      return purge({ edge, log }, parsed(purgePayload, payload));
    default:
      throw new SidestreamError("SST_COMMAND_INVALID", `the running program knows no command "${command.slice(0, 100)}"`);
  }
}

function parsed<Payload>(schema: z.ZodType<Payload>, payload: unknown): Payload {
  const { success, data, error } = schema.safeParse(payload);
  if (!success) throw new SidestreamError("SST_COMMAND_INVALID", "the command can't be read", { cause: error });
  return data;
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
