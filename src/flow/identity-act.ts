/**
 * What an operator can do about a destination's identity: look at it, accept a changed one, forget it.
 *
 * Promise: it works on the destination's memory alone, so it is the same in the running program and beside it.
 */
import type { DestinationIdentity, DestinationMemory } from "../driver/destination.ts";
import { SidestreamError } from "../errors.ts";

export const IDENTITY_ACTIONS = ["show", "accept", "reset"] as const;
export type IdentityAction = (typeof IDENTITY_ACTIONS)[number];

/** What, and its value, for people. */
export type IdentityRows = readonly (readonly [name: string, value: string])[];

/** As the engine is asked. */
export interface IdentityCall {
  readonly destination: string;
  readonly action: IdentityAction;
}

/**
 * Carries an act out. Settles once it is on disk; after a failure midway it can be given again.
 *
 * @param identity - The driver's; undefined where its destinations have none.
 * @param destination - Its name, for the error.
 * @returns Rows as they are after the act.
 * @throws SidestreamError `SST_COMMAND_INVALID` when there is no identity; what the memory's disk says.
 */
export async function actOnIdentity(
  identity: DestinationIdentity | undefined,
  memory: DestinationMemory,
  action: IdentityAction,
  destination: string,
): Promise<IdentityRows> {
  if (identity === undefined)
    throw new SidestreamError("SST_COMMAND_INVALID", `destination "${destination}" is of a type that has no identity to decide about`);
  if (action !== "show") for (const [name, value] of identity[action](memory)) await memory.set(name, value);
  return identity.show(memory);
}
