/** Chooses what becomes of an event: which streams make a message of it, by which rule, for which target. */
import { isShadow, type RuleSettings, type StreamSettings } from "../settings.ts";
import { evaluate } from "./evaluate.ts";
import { printTarget } from "./print.ts";
import type { Attributes, Target } from "./rule.ts";

export interface Selection {
  readonly stream: StreamSettings;
  /** The first rule of the stream that holds and has this target; its options apply. */
  readonly rule: RuleSettings;
  readonly target: Target;
}

const tenantSets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** Streams may be open to thousands of tenants, so a list is searched once and looked up after that. */
export function isOpenTo(stream: StreamSettings, tenant: string): boolean {
  const { tenants } = stream;
  if (tenants === "all") return true;
  let set = tenantSets.get(tenants);
  if (set === undefined) {
    set = new Set(tenants);
    tenantSets.set(tenants, set);
  }
  return set.has(tenant);
}

const targetNames = new WeakMap<Target, string>();

/** Targets are the same when destination and topic template are. */
export function targetName(target: Target): string {
  let name = targetNames.get(target);
  if (name === undefined) {
    name = printTarget(target);
    targetNames.set(target, name);
  }
  return name;
}

/**
 * Selects messages of one stream.
 *
 * @param rules - Those of the stream that may hold, in order.
 */
export function selectFrom(
  stream: StreamSettings,
  rules: readonly RuleSettings[],
  holds: (rule: RuleSettings) => boolean,
): readonly Selection[] {
  const taken = new Set<string>();
  const selections: Selection[] = [];
  for (const rule of rules) {
    if (rule.action !== "publish" || isShadow(rule)) continue;
    // A rule whose targets all have their message already can't add one, so it isn't tried.
    const open = rule.targets.filter((target) => !taken.has(targetName(target)));
    if (open.length === 0 || !holds(rule)) continue;
    for (const target of open) {
      if (taken.has(targetName(target))) continue;
      taken.add(targetName(target));
      selections.push({ stream, rule, target });
    }
  }
  if (selections.length === 0) return selections;
  const ignored = rules.some((rule) => rule.action === "ignore" && !isShadow(rule) && holds(rule));
  return ignored ? [] : selections;
}

/**
 * Selects messages for an event, in the order of streams and rules: at most one per stream and target (destination
 * and topic template). Templates that differ may still give the same topic; that shows only once they are filled in.
 * Shadow rules are passed over: they neither add a message, nor take a target, nor silence anything.
 *
 * @param tenant - Whose the event is: streams that are not open to it are passed over.
 */
export function select(attributes: Attributes, streams: readonly StreamSettings[], tenant: string): readonly Selection[] {
  const holds = ({ criteria }: RuleSettings): boolean => evaluate(criteria, attributes) === true;
  return streams.filter((stream) => isOpenTo(stream, tenant)).flatMap((stream) => selectFrom(stream, stream.rules, holds));
}
