/** Says of each rule of a stream what it makes of an event, and why. */
import { explainCriteria, type Explanation, type ExplainedEvent } from "./match/explain.ts";
import type { Truth } from "./match/evaluate.ts";
import { printTarget } from "./match/print.ts";
import type { DryStream } from "./dry-run.ts";
import { isShadow, type RuleSettings } from "./settings.ts";

export interface RuleExplanation {
  /** Place in its descriptor, from 1. */
  readonly rule: number;
  readonly action: RuleSettings["action"];
  /** As written. */
  readonly targets: readonly string[];
  readonly truth: Truth;
  /** What comes of it, in words. */
  readonly verdict: string;
  readonly criteria: Explanation;
}

export interface StreamExplanation {
  readonly stream: string;
  /** Why the stream makes nothing of the event whatever its rules say; null: they decide. */
  readonly passedOver: string | null;
  readonly rules: readonly RuleExplanation[];
}

/** @param result - Of a dry run of the same event under the same view. */
export function explainStream(result: DryStream, tenant: string, event: ExplainedEvent): StreamExplanation {
  const { stream, isOpen } = result;
  const explained = stream.rules.map((rule) => ({ rule, criteria: explainCriteria(rule.criteria, event) }));
  const ignoring = explained.find(({ rule, criteria }) => rule.action === "ignore" && !isShadow(rule) && criteria.truth === true)?.rule;
  return {
    stream: stream.id,
    passedOver: isOpen ? null : `it isn't open to the tenant ${tenant}`,
    rules: explained.map(({ rule, criteria }) => ({
      rule: rule.number,
      action: rule.action,
      targets: rule.targets.map(printTarget),
      truth: criteria.truth,
      verdict: isOpen ? verdictOf(rule, criteria.truth, result, ignoring) : "the stream isn't open to the tenant",
      criteria,
    })),
  };
}

function verdictOf(rule: RuleSettings, truth: Truth, { messages }: DryStream, ignoring: RuleSettings | undefined): string {
  if (truth === false) return "doesn't hold";
  if (truth === null) return "is unknown, and a rule acts only when it surely holds";
  if (isShadow(rule))
    return rule.action === "ignore"
      ? "holds in shadow: it is counted, and silences nothing"
      : "holds in shadow: it is counted, and nothing is sent";
  if (rule.action === "ignore") return "holds: the stream makes nothing of the event";
  if (ignoring !== undefined) return `holds, but rule ${ignoring.number} ignores the event`;
  const own = messages.filter((message) => message.rule === rule.number);
  if (own.length === 0) return "holds, but a rule before it has made the message for its target";
  return `holds: ${own.map(({ outcome, destination, topic, target, reason }) => (outcome === "sent" ? `${destination}:${topic}` : `${target} is ${outcome}, since ${reason}`)).join(", ")}`;
}
