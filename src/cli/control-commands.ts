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
import type { Log } from "../observe/log.ts";
import { statusOf } from "./status-report.ts";

/** What `spool identity` sends. */
export const identityPayload = z.strictObject({
  destination: z.string().max(100),
  action: z.enum(IDENTITY_ACTIONS),
  user: z.string().max(200),
});

/** What it gets. */
export interface IdentityAnswer {
  readonly before: IdentityRows;
  readonly after: IdentityRows;
}

export interface ControlParts {
  readonly loaded: Loaded;
  readonly edge: Pick<Edge, "status" | "identity">;
  readonly log: Pick<Log, "warn">;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` for a command or a payload that this release doesn't know. */
export async function answerCommand({ loaded, edge, log }: ControlParts, command: string, payload: unknown): Promise<unknown> {
  switch (command) {
    case "status":
      return statusOf(loaded, await edge.status());
    case "identity":
      return identity({ edge, log }, payload);
    default:
      throw new SidestreamError("SST_COMMAND_INVALID", `the running program knows no command "${command.slice(0, 100)}"`);
  }
}

async function identity({ edge, log }: Pick<ControlParts, "edge" | "log">, payload: unknown): Promise<IdentityAnswer> {
  const parsed = identityPayload.safeParse(payload);
  if (!parsed.success) throw new SidestreamError("SST_COMMAND_INVALID", "the command can't be read", { cause: parsed.error });
  const { destination, action, user } = parsed.data;
  const before = await edge.identity({ destination, action: "show" });
  if (action === "show") return { before, after: before };
  const after = await edge.identity({ destination, action });
  tellDecision(log, { destination, action, user, before, after });
  return { before, after };
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
