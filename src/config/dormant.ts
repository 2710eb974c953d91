/** What is configured and can't run now: no error, but said with its reason. */
import { didYouMean } from "../flow/match/suggest.ts";
import { isShadow, type DestinationSettings, type FlowSettings, type StreamSettings } from "../flow/settings.ts";
import type { DescribedStream } from "./descriptor.ts";

export interface Dormant {
  readonly kind: "stream" | "rule" | "destination";
  /** Id of the stream, `ID rule NUMBER`, or name of the destination. */
  readonly name: string;
  readonly reason: string;
}

/** The stream with its tenants looked up. */
export function assignTenants(
  { settings, assigned }: DescribedStream,
  assignments: ReadonlyMap<string, readonly string[]>,
): StreamSettings {
  const tenants = assigned ? (assignments.get(settings.id) ?? []) : settings.tenants;
  return { ...settings, tenants: tenants === "all" ? tenants : [...new Set(tenants)] };
}

/** @param described - Tells which streams were to be assigned. */
export function dormantParts(settings: FlowSettings, described: readonly DescribedStream[]): readonly Dormant[] {
  const assigned = new Set(described.filter((stream) => stream.assigned).map((stream) => stream.settings.id));
  const destinations = new Map(settings.destinations.map((destination) => [destination.name, destination]));
  const dormant: Dormant[] = [];
  for (const { name, dormant: reason } of settings.destinations) if (reason !== null) dormant.push({ kind: "destination", name, reason });
  for (const stream of settings.streams) {
    if (stream.tenants !== "all" && stream.tenants.length === 0) {
      const reason = assigned.has(stream.id) ? "it is assigned to no tenant" : "its list of tenants is empty";
      dormant.push({ kind: "stream", name: stream.id, reason });
    }
    for (const rule of stream.rules) {
      for (const { destination } of rule.targets) {
        const reason = whyDormant(destination, destinations);
        if (reason === null) continue;
        const counts = isShadow(rule) ? "; in shadow it counts all the same" : "";
        dormant.push({ kind: "rule", name: `${stream.id} rule ${rule.number}`, reason: `${reason}${counts}` });
      }
    }
  }
  return dormant;
}

function whyDormant(name: string, destinations: ReadonlyMap<string, DestinationSettings>): string | null {
  const destination = destinations.get(name);
  if (destination === undefined) return `no destination is named "${name}"${didYouMean(name, [...destinations.keys()])}`;
  return destination.dormant === null ? null : `destination "${name}" is ${destination.dormant}`;
}
