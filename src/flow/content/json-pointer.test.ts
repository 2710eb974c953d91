import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pointerTo, POINTER_VALUES_MAX, valuesAt } from "./json-pointer.ts";
import { NODE, scanJson, type JsonDocument } from "./json-scan.ts";
import { isContainer, valueOf } from "./json-values.ts";
import { PointerAutomaton } from "./pointer-automaton.ts";
import { PointerSet } from "./pointer-set.ts";

function scan(text: string): JsonDocument {
  const document = scanJson(text);
  assert.equal(typeof document, "object");
  return document as JsonDocument;
}

const USERS = scan(
  '{"id":"a","n":9007199254740993,"big":1e400,"yes":true,"no":null,"users":[{"id":"b"},{"id":"c","users":{"id":"d"}}],"a/b":{"~":"t"},"":"empty"}',
);

const VALUES: readonly [string, readonly string[], readonly string[] | undefined][] = [
  ["a string without its quotes", ["id"], ["a"]],
  ["a number as it was written", ["n"], ["9007199254740993"]],
  ["a number too large for JavaScript", ["big"], ["1e400"]],
  ["true and null as words", ["yes"], ["true"]],
  ["null as a word", ["no"], ["null"]],
  ["nothing for a name that isn't there", ["nope"], undefined],
  ["an element by its index", ["users", "1", "id"], ["c"]],
  ["nothing for an index with a leading zero", ["users", "01", "id"], undefined],
  ["nothing for an index beyond the end", ["users", "2", "id"], undefined],
  ["nothing for a name that meets an array", ["users", "id"], undefined],
  ["names with slash and tilde", ["a/b", "~"], ["t"]],
  ["the empty name", [""], ["empty"]],
  ["any depth, the top included", ["**", "id"], ["a", "b", "c", "d"]],
  ["any depth in the middle", ["users", "**", "id"], ["b", "c", "d"]],
  ["any depth twice", ["**", "users", "**", "id"], ["b", "c", "d"]],
  ["an object as its text", ["users", "0"], ['{"id":"b"}']],
];
for (const [what, pointer, expected] of VALUES) {
  test(`a pointer finds ${what}`, () => assert.deepEqual(valuesAt(USERS, pointer), expected));
}

test("every one of several members of the same name counts, also behind an escaped name", () => {
  assert.deepEqual(valuesAt(scan('{"a":1,"\\u0061":2,"a":{"b":3},"a":{"b":4}}'), ["a"]), ["1", "2", '{"b":3}', '{"b":4}']);
  assert.deepEqual(valuesAt(scan('{"a":1,"a":{"b":3},"a":{"b":4}}'), ["a", "b"]), ["3", "4"]);
});

test("__proto__ and constructor are names like others", () => {
  assert.deepEqual(valuesAt(scan('{"__proto__":{"constructor":1}}'), ["__proto__", "constructor"]), ["1"]);
  assert.equal(valuesAt(scan("{}"), ["__proto__"]), undefined);
  assert.equal(valuesAt(scan("{}"), ["constructor"]), undefined);
});

test("more values than can be looked at are unknown, not fewer", () => {
  assert.equal(valuesAt(scan(`[${"1,".repeat(POINTER_VALUES_MAX)}1]`), ["**"]), null);
});

test("a value's pointer leads back to it", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const document = scan(JSON.stringify(value));
      for (let node = 0; node < document.index.length; node += NODE) {
        const pointer = pointerTo(document, node);
        const steps =
          pointer === ""
            ? []
            : pointer
                .slice(1)
                .split("/")
                .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
        if (!steps.includes("**")) assert.ok(valuesAt(document, steps)?.includes(valueOf(document, node)), pointer);
      }
    }),
  );
});

test("with arrays passed through, a name goes on to every element, and an index still means one", () => {
  const document = scan('{"users":[{"id":1},[{"id":2}],{"x":{"id":3}}]}');
  const found = (pointers: readonly (readonly string[])[]): string[] => {
    const automaton = new PointerAutomaton(pointers, { throughArrays: true });
    const walk = automaton.walk(document);
    const values: string[] = [];
    for (let node = 0; node < document.index.length; node += NODE) {
      if (automaton.accepts(walk.enter(node)) && !isContainer(document, node)) values.push(valueOf(document, node));
    }
    return values;
  };
  assert.deepEqual(found([["users", "id"]]), ["1", "2"]);
  assert.deepEqual(found([["users", "1", "id"]]), ["2"]);
  assert.deepEqual(
    found([
      ["users", "x", "id"],
      ["users", "0", "id"],
    ]),
    ["1", "3"],
  );
  assert.deepEqual(found([["**", "id"]]), ["1", "2", "3"]);
});

test("states that a hostile document adds are forgotten again", () => {
  const automaton = new PointerAutomaton(
    [
      ["**", "a", "**", "b"],
      ["**", "c", "**", "d"],
      ["**", "e", "**", "f"],
    ],
    { throughArrays: true },
  );
  for (let round = 0; round < 50; round++) {
    const walk = automaton.walk(scan(`${'{"a":{"c":{"e":'.repeat(40)}1${"}}}".repeat(40)}`));
    for (let node = 0; node < 120 * NODE; node += NODE) walk.enter(node);
    automaton.trim();
  }
  assert.ok(automaton.member(automaton.start, "a") > 0);
});

test("states that a hostile document adds are forgotten in its midst, and every value is found all the same", () => {
  const pointers = Array.from({ length: 20 }, (_, at) => ["**", `a${at}`, "**", `b${at}`]);
  const chains = Array.from({ length: 6_000 }, (_, chain) => {
    const names = Array.from({ length: 8 }, (__, at) => `a${(Math.imul(chain, 2_654_435_761) >>> (at * 3)) % 20}`);
    return `${names.map((name) => `{"${name}":`).join("")}{"b${chain % 20}":${chain}}${"}".repeat(8)}`;
  });
  const document = scan(`[${chains.join()}]`);
  const automaton = new PointerAutomaton(pointers, { throughArrays: false });
  const walk = automaton.walk(document);
  let renewals = 0;
  for (let node = 0; node < document.index.length; node += NODE) {
    if (automaton.isFull) renewals += 1;
    walk.trim();
    assert.equal(automaton.isFull, false);
    walk.enter(node);
  }
  assert.ok(renewals > 1, String(renewals));
  const set = new PointerSet();
  for (const [owner, pointer] of pointers.entries()) set.add(owner, pointer);
  const found = new Map<number, readonly string[] | undefined | null>();
  set.find(document, (owner, values) => found.set(owner, values));
  for (const [owner, pointer] of pointers.entries()) assert.deepEqual(found.get(owner), valuesAt(document, pointer));
  assert.ok([...found.values()].some((values) => (values?.length ?? 0) > 10));
});
