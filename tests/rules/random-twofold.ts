/**
 * Random rules and events that can be written both in our language and in event-ruler's.
 *
 * What is left out, because the two differ there or one can't say it:
 * - Event-ruler's anything-but needs the attribute, and holds if *any* value is another. So in our language it is
 *   `x AND x!=v`, and only for attributes that have one value.
 * - A range in event-ruler holds if one value lies in it; `x>1 AND x<5` may hold by two values. One value only, too.
 * - Event-ruler compares JSON numbers, ours compares text that is one: an event has the same digits for both, bare for
 *   event-ruler and as text for ours. Text that happens to be a number, and equality with text, aren't asked of these.
 * - Event-ruler compares text with its quotes around it, so that its prefix `a"` matches the value `a`. No prefix ends in
 *   a quote. And it refuses an empty one in anything-but.
 * - Event-ruler now and then loses matches of a rule that has several patterns with a value in common, as `{a: ["", "x"]}` and
 *   `{a: ["y", ""]}`. So each pattern is a rule of its own there, and `$or`, of which it makes such patterns, isn't used.
 * - Null, empty lists and objects, which attributes don't have; half characters (lone surrogates), which aren't UTF-8.
 * - Negation of groups, regular expressions and names in any case, which event-ruler doesn't have. Its wildcards and
 *   suffixes could be written as expressions, but some rules with them end its compiler with an exception.
 */
import fc from "fast-check";

/** What is asked of an attribute. Several tests of one attribute are alternatives. */
export type Test =
  | { readonly kind: "equal" | "other"; readonly values: readonly string[] }
  | { readonly kind: "prefix" | "otherPrefix"; readonly text: string }
  | { readonly kind: "present" | "absent" }
  | { readonly kind: "compare"; readonly comparison: Comparison; readonly number: number }
  | { readonly kind: "number"; readonly number: number }
  | { readonly kind: "range"; readonly from: Bound<">" | ">=">; readonly to: Bound<"<" | "<="> };
type Comparison = "<" | "<=" | ">" | ">=";
interface Bound<Of extends Comparison> {
  readonly comparison: Of;
  readonly number: number;
}

export interface Field {
  readonly name: string;
  readonly tests: readonly Test[];
}

/** All fields hold and, if there are groups, all fields of one of them. */
interface Conjunction {
  readonly fields: readonly Field[];
  readonly groups: readonly (readonly Field[])[];
}

/** Holds when any of its conjunctions does. */
export type TwofoldRule = readonly Conjunction[];

interface Value {
  readonly text: string;
  readonly isNumber: boolean;
}

export type TwofoldEvent = ReadonlyMap<string, readonly Value[]>;

interface Kind {
  readonly holds: "text" | "number";
  readonly repeated: boolean;
}

/** Names sort before, between and after one another, since event-ruler goes through them in that order. */
const ATTRIBUTES: Readonly<Record<string, Kind>> = {
  METHOD: { holds: "text", repeated: false },
  "a-first": { holds: "text", repeated: true },
  "x-count": { holds: "number", repeated: false },
  "x-counts": { holds: "number", repeated: true },
  "x-list": { holds: "text", repeated: true },
  "x-okapi-tenant": { holds: "text", repeated: false },
  "x-one": { holds: "text", repeated: false },
};
const NAMES = Object.keys(ATTRIBUTES);

const LONG = "long ".repeat(10);
/** Few, and many that begin alike, so that rules often hold. */
const TEXTS = [
  "",
  "a",
  "ab",
  "abc",
  "abd",
  "b",
  "A",
  "é",
  "e\u0301",
  "日",
  "日本",
  "\u{1f600}",
  "\u{1f600}x",
  "\u{1f601}",
  LONG,
  `${LONG}!`,
];
/** What one of the languages or JSON writes in a way of its own. */
const TRICKY = ['"', '"a', 'a"b', "a\\b", "\\", "*", "a*", "a*b", "and", "a, b", "(a)", " ", "a ", "\n", "\u0000", "\u200b", "5", "null"];
const TEXT = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 2, arbitrary: fc.constantFrom(...TRICKY) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
);
const NUMBER = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 2, arbitrary: fc.integer({ min: -12, max: 12 }).map((quarters) => quarters / 4) },
  { weight: 1, arbitrary: fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }) },
);
/** The same numbers in other digits, too. */
const NUMBER_TEXT = fc.oneof(NUMBER.map(String), fc.constantFrom("1.0", "-0", "2.50", "1e0", "20E-1", "-3e+2", "0.0"));
const NOT_NUMBERS = ["", "one", "0400", " 1", "1 ", "+1", "0x1", "1."];

const prefix = TEXT.filter((text) => !text.endsWith('"'));

const comparison = fc.constantFrom<Comparison>("<", "<=", ">", ">=");
const values = fc.array(TEXT, { minLength: 1, maxLength: 3 });

function textTests(repeated: boolean): fc.Arbitrary<Test> {
  const anyNumber: readonly fc.WeightedArbitrary<Test>[] = [
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("equal" as const), values }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("prefix" as const), text: prefix }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("present" as const, "absent" as const) }) },
  ];
  const oneOnly: readonly fc.WeightedArbitrary<Test>[] = [
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("other" as const), values }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("otherPrefix" as const), text: prefix.filter((text) => text !== "") }) },
  ];
  return fc.oneof(...anyNumber, ...(repeated ? [] : oneOnly));
}

function numberTests(repeated: boolean): fc.Arbitrary<Test> {
  const bound = <Of extends Comparison>(...of: Of[]): fc.Arbitrary<Bound<Of>> =>
    fc.record({ comparison: fc.constantFrom(...of), number: NUMBER });
  const range = fc
    .record({ kind: fc.constant("range" as const), from: bound(">", ">="), to: bound("<", "<=") })
    .filter(({ from, to }) => from.number < to.number);
  const tests: readonly fc.WeightedArbitrary<Test>[] = [
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("compare" as const), comparison, number: NUMBER }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("present" as const, "absent" as const) }) },
  ];
  return repeated
    ? fc.oneof(...tests)
    : fc.oneof(
        ...tests,
        { weight: 3, arbitrary: range },
        { weight: 2, arbitrary: fc.record({ kind: fc.constant("number" as const), number: NUMBER }) },
      );
}

function field(name: string): fc.Arbitrary<Field> {
  const { holds, repeated } = ATTRIBUTES[name] as Kind;
  const test = holds === "text" ? textTests(repeated) : numberTests(repeated);
  // Mostly one.
  const tests = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(test) },
    { weight: 1, arbitrary: fc.array(test, { minLength: 2, maxLength: 3 }) },
  );
  return fc.record({ name: fc.constant(name), tests });
}

function fields(names: readonly string[], max: number): fc.Arbitrary<readonly Field[]> {
  return fc.subarray([...names], { minLength: 1, maxLength: Math.min(max, names.length) }).chain((some) => fc.tuple(...some.map(field)));
}

const conjunction: fc.Arbitrary<Conjunction> = fields(NAMES, 3).chain((first) => {
  const others = NAMES.filter((name) => first.every((one) => one.name !== name));
  const groups = fc.array(fields(others, 2), { minLength: 2, maxLength: 3 });
  return fc.record({
    fields: fc.constant(first),
    groups: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: groups }),
  });
});

/** No more than this: event-ruler's states multiply, and a hundred rules take it a second. */
export const twofoldRules: fc.Arbitrary<readonly TwofoldRule[]> = fc.array(fc.array(conjunction, { minLength: 1, maxLength: 3 }), {
  minLength: 1,
  maxLength: 40,
  size: "max",
});

const plainTest: fc.Arbitrary<Test> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("equal" as const), values: fc.tuple(TEXT) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("prefix" as const), text: prefix }) },
);
const plainRule: fc.Arbitrary<TwofoldRule> = fc
  .subarray(
    NAMES.filter((name) => ATTRIBUTES[name]?.holds === "text"),
    { minLength: 1, maxLength: 3 },
  )
  .chain((names) => fc.tuple(...names.map((name) => fc.record({ name: fc.constant(name), tests: fc.tuple(plainTest) }))))
  .map((fields) => [{ fields, groups: [] }]);

/** Each attribute equals or begins with one text: of such rules event-ruler takes many. */
export const manyPlainRules: fc.Arbitrary<readonly TwofoldRule[]> = fc.array(plainRule, { minLength: 2000, maxLength: 2000, size: "max" });

const numberValue: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: NUMBER_TEXT.map((text) => ({ text, isNumber: true })) },
  { weight: 1, arbitrary: fc.constantFrom(...NOT_NUMBERS).map((text) => ({ text, isNumber: false })) },
);
const textValue: fc.Arbitrary<Value> = TEXT.map((text) => ({ text, isNumber: false }));

const event: fc.Arbitrary<TwofoldEvent> = fc
  .tuple(
    ...NAMES.map((name) => {
      const { holds, repeated } = ATTRIBUTES[name] as Kind;
      const value = holds === "text" ? textValue : numberValue;
      const list = fc.array(value, { minLength: 1, maxLength: repeated ? 3 : 1 });
      return fc.option(
        list.map((some) => [name, some] as const),
        { nil: undefined },
      );
    }),
  )
  .map((entries) => new Map(entries.filter((entry) => entry !== undefined)));

export const twofoldEvents: fc.Arbitrary<readonly TwofoldEvent[]> = fc.array(event, { minLength: 1, maxLength: 30, size: "max" });
