/** Writes the rules and events of random-twofold.ts in our language and in event-ruler's. */
import type { Pattern } from "../../tools/event-ruler/judge.ts";
import type { Field, Test, TwofoldEvent, TwofoldRule } from "./random-twofold.ts";

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/gu, (character) => `\\${character}`)}"`;
}

function ourList(texts: readonly string[]): string {
  return `(${texts.map(quoted).join(", ")})`;
}

function ourTest(name: string, test: Test): string {
  switch (test.kind) {
    case "equal":
      return `${name}=${ourList(test.values)}`;
    case "other":
      return `(${name} AND ${name}!=${ourList(test.values)})`;
    case "prefix":
      return `${name}=${quoted(test.text)}*`;
    case "otherPrefix":
      return `(${name} AND ${name}!=${quoted(test.text)}*)`;
    case "present":
      return name;
    case "absent":
      return `NOT ${name}`;
    case "compare":
      return `${name}${test.comparison}${test.number}`;
    case "number":
      return `(${name}>=${test.number} AND ${name}<=${test.number})`;
    case "range":
      return `(${name}${test.from.comparison}${test.from.number} AND ${name}${test.to.comparison}${test.to.number})`;
  }
}

function ourFields(fields: readonly Field[]): string {
  return fields.map(({ name, tests }) => `(${tests.map((test) => ourTest(name, test)).join(" OR ")})`).join(" AND ");
}

/** A rule as text in our language. */
export function inOurs(rule: TwofoldRule): string {
  const conjunctions = rule.map(({ fields, groups }) => {
    const either = groups.length === 0 ? "" : ` AND (${groups.map((group) => `(${ourFields(group)})`).join(" OR ")})`;
    return `(${ourFields(fields)}${either})`;
  });
  return `${conjunctions.join(" OR ")} , publish , kafka1:topic`;
}

/** An event as attributes; each has a list of values. */
export function asAttributes(event: TwofoldEvent): Readonly<Record<string, string[]>> {
  return Object.fromEntries([...event].map(([name, values]) => [name, values.map(({ text }) => text)]));
}

function rulerTests(test: Test): readonly unknown[] {
  switch (test.kind) {
    case "equal":
      return test.values;
    case "other":
      return [{ "anything-but": test.values }];
    case "prefix":
      return [{ prefix: test.text }];
    case "otherPrefix":
      return [{ "anything-but": { prefix: test.text } }];
    case "present":
      return [{ exists: true }];
    case "absent":
      return [{ exists: false }];
    case "compare":
      return [{ numeric: [test.comparison, test.number] }];
    case "number":
      return [{ numeric: ["=", test.number] }];
    case "range":
      return [{ numeric: [test.from.comparison, test.from.number, test.to.comparison, test.to.number] }];
  }
}

function rulerFields(fields: readonly Field[]): Pattern {
  return Object.fromEntries(fields.map(({ name, tests }) => [name, tests.flatMap(rulerTests)]));
}

/** A rule as patterns of event-ruler, any of which is to match; each by an id of its own. */
export function inRulers(rule: TwofoldRule): readonly Pattern[] {
  return rule.flatMap(({ fields, groups }) =>
    groups.length === 0 ? [rulerFields(fields)] : groups.map((group) => rulerFields([...fields, ...group])),
  );
}

/** An event as JSON, with numbers in the digits they have as text. A single value stands without a list. */
export function asRulersEvent(event: TwofoldEvent): string {
  const fields = [...event].map(([name, values]) => {
    const written = values.map(({ text, isNumber }) => (isNumber ? text : JSON.stringify(text)));
    return `${JSON.stringify(name)}:${written.length === 1 ? (written[0] ?? "") : `[${written.join(",")}]`}`;
  });
  return `{${fields.join(",")}}`;
}
