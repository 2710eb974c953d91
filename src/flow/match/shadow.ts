/**
 * Tells what the shadow rules that hold for an event would do.
 *
 * Promise: nothing here changes what `select` chose. Each shadow rule is judged by itself, as if it alone became live:
 * against what the live rules chose, whatever other shadow rules would do.
 */
import { isShadow, type RuleSettings, type StreamSettings } from "../settings.ts";
import { evaluate } from "./evaluate.ts";
import type { Attributes, Target } from "./rule.ts";
import { targetName, type Selection } from "./select.ts";
import type { StreamRule } from "./stream-index.ts";

export interface ShadowHit {
  readonly stream: StreamSettings;
  readonly rule: RuleSettings;
  /** Live, it would make a message in addition, or, an `ignore`, silence one that is made. */
  readonly acts: boolean;
  /** Where it would make one in addition; empty for `ignore`. */
  readonly targets: readonly Target[];
}

/**
 * What each of the shadow rules that hold for an event would do.
 *
 * @param holding - In the order of streams and rules.
 * @param selections - What `select` chose for the same event.
 */
export function shadowHits(holding: readonly StreamRule[], attributes: Attributes, selections: readonly Selection[]): readonly ShadowHit[] {
  const made = new Map<StreamSettings, Made>();
  return holding.map(({ stream, rule }) => {
    let own = made.get(stream);
    if (own === undefined) made.set(stream, (own = madeBy(stream, attributes, selections)));
    if (rule.action === "ignore") return { stream, rule, acts: own.targets.size > 0, targets: [] };
    const targets = own.silenced ? [] : rule.targets.filter((target) => !own.targets.has(targetName(target)));
    return { stream, rule, acts: targets.length > 0, targets };
  });
}

/** What the live rules of one stream make of an event. */
interface Made {
  readonly targets: ReadonlySet<string>;
  /** They make nothing, and would silence what another rule makes. */
  readonly silenced: boolean;
}

function madeBy(stream: StreamSettings, attributes: Attributes, selections: readonly Selection[]): Made {
  const targets = new Set(selections.filter((selection) => selection.stream === stream).map(({ target }) => targetName(target)));
  // What the live rules chose was not silenced; where they chose nothing, it has to be asked.
  const silenced = targets.size === 0 && liveIgnoresOf(stream).some(({ criteria }) => evaluate(criteria, attributes) === true);
  return { targets, silenced };
}

const liveIgnores = new WeakMap<StreamSettings, readonly RuleSettings[]>();

function liveIgnoresOf(stream: StreamSettings): readonly RuleSettings[] {
  let rules = liveIgnores.get(stream);
  if (rules === undefined) liveIgnores.set(stream, (rules = stream.rules.filter((rule) => rule.action === "ignore" && !isShadow(rule))));
  return rules;
}
