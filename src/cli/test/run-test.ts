/** Runs one test of a stream, and finds out why it failed where it did. */
import type { StreamTest } from "../../config/stream-tests.ts";
import { DryRun, type DryMessage, type DrySettings } from "../../flow/dry-run.ts";
import { explainStream, type RuleExplanation } from "../../flow/explain.ts";
import { decidingTerms, type Explanation } from "../../flow/match/explain.ts";
import type { StreamSettings } from "../../flow/settings.ts";
import { counted } from "../output.ts";

/** Reasons told of one failure. */
const REASONS_MAX = 5;
const TERMS_MAX = 3;

export interface TestOutcome {
  readonly test: StreamTest;
  /** Empty: it passed. `-` was expected and didn't come, `+` came and wasn't expected, else it came as expected. */
  readonly diff: readonly string[];
  /** Which rule and term decided. */
  readonly reasons: readonly string[];
}

export interface SuiteOutcome {
  readonly file: string;
  readonly stream: string;
  readonly outcomes: readonly TestOutcome[];
  readonly failed: number;
}

/** @param settings - Its streams are left aside. */
export function runTest(test: StreamTest, stream: StreamSettings, settings: DrySettings): TestOutcome {
  const result = new DryRun({ ...settings, streams: [stream] }).run(test.event);
  const [made] = result.streams;
  if (made === undefined) throw new TypeError("a dry run tells of each stream");
  const messages = made.messages.filter(({ outcome }) => outcome !== "repeated");
  const missing = test.expect.filter((target) => !messages.some((message) => placeOf(message) === target));
  const unexpected = messages.filter((message) => !test.expect.includes(placeOf(message)));
  const wrong = messages.filter((message) => !unexpected.includes(message)).flatMap((message) => wrongParts(test, message));
  if (missing.length + unexpected.length + wrong.length === 0) return { test, diff: [], reasons: [] };
  // A test shows its own event: nobody else's secrets are in it.
  const { rules, passedOver } = explainStream(made, test.event.identity.tenant, {
    attributes: result.attributes,
    shown: result.attributes,
  });
  const wanted = missing.length === 0 ? [] : placesWanted(test, stream, settings);
  const meant = rules.filter(({ rule }) => wanted.some(({ rule: number, place }) => number === rule && missing.includes(place)));
  const nobodys = missing.filter((target) => !wanted.some(({ place }) => place === target));
  const reasons = [
    ...(missing.length > 0 && passedOver !== null ? [`the stream makes nothing of it: ${passedOver}`] : []),
    ...(passedOver === null ? meant.map(reasonOf) : []),
    ...nobodys.map((target) => `no rule's target becomes ${target} for this event ({env} stands for ${settings.env})`),
    ...unexpected.map(({ rule }) => `rule ${rule} holds: ${termsText(rules.find((each) => each.rule === rule)?.criteria)}`),
  ];
  return {
    test,
    diff: [
      ...messages.filter((message) => !unexpected.includes(message)).map((message) => `  ${placeOf(message)}`),
      ...missing.map((target) => `- ${target}`),
      ...unexpected.map((message) => `+ ${placeOf(message)}`),
      ...wrong,
    ],
    reasons:
      reasons.length > REASONS_MAX
        ? [...reasons.slice(0, REASONS_MAX), `and ${counted(reasons.length - REASONS_MAX, "more reason")}`]
        : reasons,
  };
}

/** A message without a topic leads nowhere that a test could name. */
function placeOf({ destination, topic, target, outcome, reason }: DryMessage): string {
  return topic === null ? `${target} (${outcome}: ${reason})` : `${destination}:${topic}`;
}

function wrongParts({ key, rule }: StreamTest, message: DryMessage): readonly string[] {
  const differs = (name: string, wanted: string | number | null, came: string | number): readonly string[] =>
    wanted === null || wanted === came
      ? []
      : [`- ${placeOf(message)} with ${name} ${wanted}`, `+ ${placeOf(message)} with ${name} ${came}`];
  return [...differs("key", key, message.key), ...differs("rule", rule, message.rule)];
}

/** Where each rule would lead, did it hold. */
function placesWanted(
  { event }: StreamTest,
  stream: StreamSettings,
  settings: DrySettings,
): readonly { readonly rule: number; readonly place: string }[] {
  const always = { kind: "present", attribute: { kind: "word", word: "EVENTTYPE" } } as const;
  return stream.rules.flatMap((rule) => {
    if (rule.action !== "publish") return [];
    const alone = { ...stream, tenants: "all" as const, rules: [{ ...rule, criteria: always, mode: "live" as const }] };
    const { streams } = new DryRun({ ...settings, streams: [alone] }).run(event);
    return streams.flatMap(({ messages }) => messages.map((message) => ({ rule: rule.number, place: placeOf(message) })));
  });
}

function reasonOf({ rule, verdict, truth, criteria }: RuleExplanation): string {
  return truth === true ? `rule ${rule} ${verdict}` : `rule ${rule} ${verdict}: ${termsText(criteria)}`;
}

/** The terms that decided. */
function termsText(criteria: Explanation | undefined): string {
  const terms = criteria === undefined ? [] : decidingTerms(criteria);
  const texts = terms.slice(0, TERMS_MAX).map(termText);
  return terms.length > TERMS_MAX ? `${texts.join(", ")} and ${counted(terms.length - TERMS_MAX, "more term")}` : texts.join(", ");
}

/** `METHOD=POST is false (it is GET)`. */
export function termText({ text, truth, seen, more, reason }: Explanation): string {
  if (truth === null) return `${text} is unknown${reason === null ? "" : ` (${reason})`}`;
  const is =
    seen === null ? "it is absent" : `it is ${seen.map((value) => JSON.stringify(value)).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return `${text} is ${truth} (${is})`;
}
