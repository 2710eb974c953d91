/** Which messages of a destination go through its log, which from memory, and whether there are any at all. */
import { deliveryOf, isShadow, type FlowSettings, type RuleSettings, type StreamSettings } from "./settings.ts";

/** Its messages are sent once, from memory; all others go through a log. */
export function isOnce(stream: Pick<StreamSettings, "delivery">, rule: Pick<RuleSettings, "delivery">): boolean {
  return deliveryOf(stream, rule) === "at-most-once";
}

/** Destinations that a rule of the one or the other kind sends to; a shadow rule sends to none. */
export function destinationsOf(
  streams: readonly Pick<StreamSettings, "delivery" | "rules">[],
  kind: "once" | "spooled",
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const stream of streams)
    for (const rule of stream.rules)
      if (!isShadow(rule) && isOnce(stream, rule) === (kind === "once")) for (const { destination } of rule.targets) names.add(destination);
  return names;
}

/** False when no event could be sent, counted or kept, whatever it is: each rule leads to a destination that is dormant or not there. */
export function wantsEvents({ streams, destinations, keepEvents }: Pick<FlowSettings, "streams" | "destinations" | "keepEvents">): boolean {
  const awake = new Set(destinations.filter(({ dormant }) => dormant === null).map(({ name }) => name));
  const isAwake = (rule: RuleSettings): boolean => isShadow(rule) || rule.targets.some(({ destination }) => awake.has(destination));
  return (keepEvents ?? null) !== null || streams.some(({ rules }) => rules.some(isAwake));
}
