/**
 * Sidestream's index as a contestant, in a process of its own: commands and answers as those of the others.
 *
 * Given as JSON: {@link Given}. A command is a line of standard input with a number of seconds, an answer a line of JSON.
 * It is run with `--expose-gc`.
 */
import { createInterface } from "node:readline";
import { parseRule, RuleIndex } from "../../src/rules.ts";
import { givenToModule } from "../children.ts";
import { quantile } from "../figures.ts";
import { readLines, usedBytes } from "./our-rules.ts";

/** In which shape it gets its events. */
export type Way = "objects" | "pairs" | "json";

export interface Given {
  readonly eventsFile: string;
  readonly rulesFile: string;
  readonly way: Way;
}

/** Between looks at the clock. */
const CHUNK = 50;
const MS = 1_000;

const index = new RuleIndex<number>();
let at = 0;

function turn<Event>(events: readonly Event[], idsOf: (event: Event) => readonly number[]): () => number {
  return () => {
    const event = events[at] as Event;
    at = at + 1 === events.length ? 0 : at + 1;
    return idsOf(event).length;
  };
}

function matcherOf(way: Way, texts: readonly string[]): () => number {
  const objects = (): Record<string, string>[] => texts.map((text) => JSON.parse(text) as Record<string, string>);
  switch (way) {
    case "objects":
      return turn(objects(), (event) => index.match(event));
    case "pairs":
      return turn(
        objects().map((event) => Object.entries(event).flat()),
        (event) => index.matchPairs(event),
      );
    case "json":
      return turn(
        texts.map((text) => Buffer.from(text)),
        (event) => index.matchJson(event),
      );
  }
}

function count(ms: number, eventCount: number): { readonly events: number; readonly matches: number } {
  const end = performance.now() + ms;
  let matches = 0;
  let events = 0;
  for (at = 0; events < eventCount && performance.now() < end; events += 1) matches += match();
  return { events, matches };
}

function warm(ms: number): object {
  const end = performance.now() + ms;
  while (performance.now() < end) match();
  return {};
}

function rate(ms: number): { readonly events: number; readonly seconds: number } {
  const start = performance.now();
  let events = 0;
  let passed = 0;
  for (; passed < ms; events += CHUNK) {
    for (let each = 0; each < CHUNK; each += 1) match();
    passed = performance.now() - start;
  }
  return { events, seconds: passed / MS };
}

function times(ms: number, eventCount: number): { readonly p50Us: number; readonly p99Us: number } {
  const each: number[] = [];
  const end = performance.now() + ms;
  for (let from = performance.now(); each.length < eventCount && from < end;) {
    match();
    const to = performance.now();
    each.push((to - from) * MS);
    from = to;
  }
  return { p50Us: quantile(each, 0.5), p99Us: quantile(each, 0.99) };
}

function say(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

const { eventsFile, rulesFile, way } = givenToModule() as Given;
const rules = readLines(rulesFile);
const texts = readLines(eventsFile);
/** Matches the next event, and tells how many rules hold. */
const match = matcherOf(way, texts);
const before = usedBytes();
const start = performance.now();
for (const [id, text] of rules.entries()) index.add(id, parseRule(text));
match();
const loadMs = performance.now() - start;
say({ loadMs, heapBytes: usedBytes() - before });
for await (const line of createInterface({ input: process.stdin })) {
  const [command, seconds] = line.split(" ");
  const ms = Number(seconds) * MS;
  if (command === "count") say(count(ms, texts.length));
  else if (command === "warm") say(warm(ms));
  else if (command === "rate") say(rate(ms));
  else if (command === "times") say(times(ms, texts.length));
  else throw new Error(`no such command: ${command}`);
}
