/**
 * Finds the shadow rules that hold for an event, and what each of them would do.
 *
 * Promise: nothing here changes what `select` chose. Each shadow rule is judged by itself, as if it alone became live:
 * against what the live rules chose, whatever other shadow rules would do.
 */
import { isShadow, type RuleSettings, type StreamSettings } from "../settings.ts";
import { evaluate } from "./evaluate.ts";
import { printTarget } from "./print.ts";
import type { Attributes, Target } from "./rule.ts";
import { isOpenTo, type Selection } from "./select.ts";

export interface ShadowHit {
  readonly stream: StreamSettings;
  readonly rule: RuleSettings;
  /** Live, it would make a message in addition, or, an `ignore`, silence one that is made. */
  readonly acts: boolean;
  /** Where it would make one in addition; empty for `ignore`. */
  readonly targets: readonly Target[];
}

interface ShadowRule {
  readonly rule: RuleSettings;
  /** For each of its targets those of live rules that are the same: where one of them was chosen, the message is there. */
  readonly same: ReadonlyMap<Target, ReadonlySet<Target>>;
}

/** A stream with rules in shadow, and those of its live rules that decide over them. */
export interface ShadowedStream {
  readonly stream: StreamSettings;
  readonly rules: readonly ShadowRule[];
  readonly liveIgnores: readonly RuleSettings[];
}

/** The streams that have rules in shadow; to be worked out once. */
export function shadowedStreams(streams: readonly StreamSettings[]): readonly ShadowedStream[] {
  return streams.filter(({ rules }) => rules.some(isShadow)).map(shadowed);
}

function shadowed(stream: StreamSettings): ShadowedStream {
  const live = stream.rules.filter((rule) => !isShadow(rule));
  const liveTargets = new Map<string, Set<Target>>();
  for (const target of live.flatMap(({ targets }) => targets)) {
    const name = printTarget(target);
    liveTargets.set(name, (liveTargets.get(name) ?? new Set()).add(target));
  }
  const sameAs = (target: Target): ReadonlySet<Target> => liveTargets.get(printTarget(target)) ?? new Set();
  return {
    stream,
    rules: stream.rules
      .filter(isShadow)
      .map((rule) => ({ rule, same: new Map(rule.targets.map((target) => [target, sameAs(target)] as const)) })),
    liveIgnores: live.filter(({ action }) => action === "ignore"),
  };
}

/**
 * The shadow rules that hold for an event, in the order of streams and rules.
 *
 * @param selections - What `select` chose for the same event and tenant.
 */
export function shadowHits(
  attributes: Attributes,
  streams: readonly ShadowedStream[],
  tenant: string,
  selections: readonly Selection[],
): readonly ShadowHit[] {
  const hits: ShadowHit[] = [];
  for (const { stream, rules, liveIgnores } of streams) {
    if (!isOpenTo(stream, tenant)) continue;
    // Both are worked out for the first rule that holds, since mostly none does.
    let own: readonly Selection[] | null = null;
    let silenced: boolean | null = null;
    for (const { rule, same } of rules) {
      if (evaluate(rule.criteria, attributes) !== true) continue;
      const chosen: readonly Selection[] = (own ??= selections.filter((selection) => selection.stream.id === stream.id));
      if (rule.action === "ignore") {
        hits.push({ stream, rule, acts: chosen.length > 0, targets: [] });
        continue;
      }
      // What the live rules chose was not silenced; where they chose nothing, it has to be asked.
      silenced ??= chosen.length === 0 && liveIgnores.some(({ criteria }) => evaluate(criteria, attributes) === true);
      const targets = silenced ? [] : rule.targets.filter((target) => !chosen.some((other) => same.get(target)?.has(other.target)));
      hits.push({ stream, rule, acts: targets.length > 0, targets });
    }
  }
  return hits;
}
