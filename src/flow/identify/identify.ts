/**
 * The identify stage: gives each event its owner and its handler.
 *
 * Promise: what it can't identify is null, never a guess; the event itself is not changed.
 */
import type { Event, IdentifiedEvent } from "../event.ts";
import type { PlatformSettings, SourceSettings } from "../settings.ts";
import { agentPlatform } from "./agent.ts";
import { nonePlatform } from "./none.ts";
import type { Platform } from "./platform.ts";
import { staticPlatform } from "./static.ts";

/** Makes the platform that the configuration of a source names. */
export function createPlatform(settings: PlatformSettings): Platform {
  switch (settings.type) {
    case "none":
      return nonePlatform(settings);
    case "static":
      return staticPlatform(settings);
    default:
      return settings satisfies never;
  }
}

/** @returns A function that identifies events of these sources; null: unidentified, also for a source it doesn't know. */
export function createIdentify(sources: readonly SourceSettings[]): (event: Event) => IdentifiedEvent | null {
  const platforms = new Map<string, { readonly agent: Platform; readonly transaction: Platform }>();
  for (const { name, platform, defaultTenant } of sources) {
    platforms.set(name, {
      agent: agentPlatform(defaultTenant),
      transaction: createPlatform(platform ?? { type: "none", tenant: { header: null, default: defaultTenant } }),
    });
  }
  return (event) => {
    const identity = platforms.get(event.source)?.[event.kind].identify(event) ?? null;
    return identity === null ? null : { ...event, identity };
  };
}
