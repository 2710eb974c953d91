/** What answers to commands over the control socket share. */
import { z } from "zod";
import type { Loaded } from "../../config/load.ts";
import { SidestreamError } from "../../errors.ts";
import type { Edge } from "../../flow/edge.ts";
import type { Log } from "../../observe/log.ts";

/** Of a destination, a log, a stream or a tenant. */
export const nameText = z.string().max(255);
/** Of an event, as its source made it. */
export const eventIdText = z.string().max(1_000);
/** Of a message in a log, or how many there are. */
export const numberValue = z.int().min(0);
/** Who gives the command. */
export const userText = z.string().max(200);

export interface ControlParts {
  readonly loaded: Loaded;
  readonly edge: Pick<Edge, "status" | "identity" | "adopt" | "purge" | "act">;
  readonly log: Pick<Log, "warn">;
}

/** @throws SidestreamError `SST_COMMAND_INVALID` for what is not as the schema has it. */
export function parsed<Payload>(schema: z.ZodType<Payload>, payload: unknown): Payload {
  const { success, data, error } = schema.safeParse(payload);
  if (success) return data;
  const [issue] = error.issues;
  const place = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw new SidestreamError("SST_COMMAND_INVALID", `the command can't be read: ${place}${issue?.message ?? ""}`, { cause: error });
}
