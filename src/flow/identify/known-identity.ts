/** An identity out of what is known of an event, where no platform tells it: the entity follows from route and path. */
import type { Identity } from "../event.ts";
import { compilePattern } from "./pattern.ts";
import { percentDecoded } from "./tenant-value.ts";

type Known = { readonly [Name in Exclude<keyof Identity, "tenant" | "entityId">]: Identity[Name] | undefined };

/** @param path - As it was sent. */
export function knownIdentity(tenant: string, path: string, known: Known): Identity {
  const entity = known.route === undefined ? undefined : compilePattern(known.route, "/")(path)?.at(-1)?.[1];
  const all = { ...known, entityId: entity === undefined ? undefined : percentDecoded(entity) };
  return { tenant, ...Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) };
}
