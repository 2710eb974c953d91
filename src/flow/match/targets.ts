/** Reads actions and targets. What the language will have and this release has not is told apart from a mistake. */
import { DESTINATION_CHARACTERS_MAX, TOPIC_CHARACTERS_MAX } from "./bounds.ts";
import type { RuleReader } from "./reader.ts";
import type { Action, Target } from "./rule.ts";
import { didYouMean } from "./suggest.ts";
import { readTemplate } from "./template.ts";

export interface TargetOptions {
  /** Topic of a target that names none. Without it such a target is an error. */
  readonly topicDefault?: string;
}

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ["publish", "publish"],
  ["capture", "publish"],
  ["ignore", "ignore"],
]);
const LATER_ACTIONS: readonly string[] = ["broadcast", "sync"];

const DESTINATION = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** What a topic may not hold once it is filled in; such a rule would only make dead messages. */
const NOT_IN_TOPIC = /[^A-Za-z0-9._-]/u;

/** Reads an action. `capture` is another name for `publish`. */
export function readAction(reader: RuleReader): Action {
  reader.skipSpace();
  const start = reader.offset;
  const word = reader.match(/[^\s,]+/y);
  const action = ACTIONS.get(word);
  if (action !== undefined) return action;
  if (LATER_ACTIONS.includes(word))
    throw reader.notAvailable(`the action "${word}" is not available yet`, "Use publish, one rule for each target.", start);
  reader.offset = start;
  if (word === "")
    throw reader.invalid(`expected an action, found ${reader.describeNext()}`, "Actions are publish (or capture) and ignore.");
  throw reader.invalid(
    `${reader.describeNext()} is not an action${didYouMean(word, [...ACTIONS.keys()])}`,
    "Actions are publish (or capture) and ignore.",
  );
}

/** Targets read before, by their text: thousands of rules may have the same, which are read and kept once. */
const known = new Map<string, readonly Target[]>();
const KNOWN_MAX = 1_000;
const KNOWN_CHARACTERS_MAX = 300;

/** Reads the targets, up to the end of the text: one, in this release. */
export function readTargets(reader: RuleReader, options: TargetOptions): readonly Target[] {
  const text = reader.text.slice(reader.offset);
  const before = known.get(text);
  if (before !== undefined) {
    reader.offset = reader.text.length;
    return before;
  }
  const targets = readNewTargets(reader, options);
  // One without a topic means what the options say.
  if (known.size < KNOWN_MAX && text.length <= KNOWN_CHARACTERS_MAX && text.includes(":")) known.set(text, targets);
  return targets;
}

function readNewTargets(reader: RuleReader, options: TargetOptions): readonly Target[] {
  const target = readTarget(reader, options);
  reader.skipSpace();
  if (reader.ended) return [target];
  if (reader.next === "+" || reader.next === "-") throw noCombinations(reader);
  if (reader.next === ",")
    throw reader.notAvailable("several targets in one rule are not available yet", "Write one rule for each target.");
  throw reader.invalid(`expected the end of the target, found ${reader.describeNext()}`, "A target is destination:topic, without spaces.");
}

function noCombinations(reader: RuleReader, offset = reader.offset): Error {
  return reader.notAvailable("combinations of targets (+ and -) are not available yet", "Write one rule for each target.", offset);
}

function readTarget(reader: RuleReader, options: TargetOptions): Target {
  reader.skipSpace();
  const start = reader.offset;
  const text = reader.match(/[^\s,]+/y);
  const end = reader.offset;
  reader.offset = start;
  if (text === "") throw reader.invalid(`expected a target, found ${reader.describeNext()}`, "A target is destination:topic.");
  if (text.startsWith("@")) throw reader.notAvailable("target sets (@name) are not available yet", "Write one rule for each target.");
  if (text.startsWith("+") || text.startsWith("-")) throw noCombinations(reader);
  const colon = text.indexOf(":");
  const destination = colon === -1 ? text : text.slice(0, colon);
  if (destination === "all") throw reader.notAvailable('the target "all" is not available yet', "Write one rule for each target.");
  checkDestination(reader, destination);
  if (colon !== -1) return { destination, topic: readTopic(reader, start + colon + 1, end) };
  reader.offset = end;
  if (options.topicDefault !== undefined) return { destination, topic: [options.topicDefault] };
  throw reader.invalid("the topic is missing", `A target is destination:topic: ${destination.slice(0, 40)}:events`, start);
}

function checkDestination(reader: RuleReader, name: string): void {
  if (name === "") throw reader.invalid("the name of the destination is missing", "A target is destination:topic.");
  if (name.length > DESTINATION_CHARACTERS_MAX)
    throw reader.invalid(`a destination's name has at most ${DESTINATION_CHARACTERS_MAX} characters`);
  if (name.includes("{"))
    throw reader.invalid("a destination is named as it is, not by a template", undefined, reader.offset + name.indexOf("{"));
  if (name.includes("+")) throw noCombinations(reader, reader.offset + name.indexOf("+"));
  if (DESTINATION.test(name)) return;
  const bad = Math.max(0, name.search(/[^A-Za-z0-9._-]/));
  throw reader.invalid("a destination's name is letters, digits, dots, dashes and underscores", undefined, reader.offset + bad);
}

function readTopic(reader: RuleReader, start: number, end: number): Target["topic"] {
  reader.offset = start;
  if (start === end) throw reader.invalid("the topic is missing behind the colon", "A target is destination:topic.");
  const topic = readTemplate(reader, end);
  const text = reader.text.slice(start, end);
  const plus = text.indexOf("+");
  if (plus !== -1) throw noCombinations(reader, start + plus);
  // Places are passed over, their length kept: what stands there comes later.
  const literal = text.replaceAll(/\{[^}]*\}/g, (place) => "x".repeat(place.length));
  const bad = literal.search(NOT_IN_TOPIC);
  if (bad !== -1) {
    const character = String.fromCodePoint(text.codePointAt(bad) ?? 0);
    throw reader.invalid(`${character} can't stand in a topic`, "A topic has letters, digits, dots, dashes and underscores.", start + bad);
  }
  if (text === "." || text === "..") throw reader.invalid('"." and ".." can\'t be topics', undefined, start);
  const characters = topic.reduce((sum, part) => sum + (typeof part === "string" ? part.length : 1), 0);
  if (characters > TOPIC_CHARACTERS_MAX) throw reader.invalid(`a topic has at most ${TOPIC_CHARACTERS_MAX} characters`, undefined, start);
  return topic;
}
