import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { ContentValues } from "./content/pointers.ts";
import type { IdentifiedEvent } from "./event.ts";
import { REGEX_INPUT_CHARACTERS_MAX } from "./match/bounds.ts";
import { evaluate, type Truth } from "./match/evaluate.ts";
import { parseCriteria } from "./match/parse.ts";
import type { Criteria } from "./match/rule.ts";
import { isOpenTo } from "./match/select.ts";
import type { StreamRule } from "./match/stream-index.ts";
import { holds } from "./match/testing/seeded.ts";
import { streamOf } from "./match/testing/streams.ts";
import { eventOfMessage, type ReadBack } from "./message/read-back.ts";
import { agentEvent, body, JSON_TYPE, maker, transactionEvent } from "./message/testing/messages.ts";
import { ReadBackRules } from "./read-back-rules.ts";
import { isShadow, type FieldPath, type StreamSettings } from "./settings.ts";

const LIMITS = { decodedBytesMax: 1024 * 1024 };

interface Written {
  readonly redact?: readonly FieldPath[];
  readonly bytesMax?: number;
  readonly isWhole?: boolean;
}

/** As it comes back from the event log, or (not whole) from a message of a stream that left something out. */
function back(event: IdentifiedEvent, { redact = [], bytesMax = 100_000, isWhole = true }: Written = {}): ReadBack {
  const made = maker();
  const prepared = made.prepare(event, new ContentValues(event, LIMITS));
  const value = made.makeEvent(prepared, { redact, keep: null, body: { bytesMax, types: ["json", "text"] } });
  const read = eventOfMessage({ headers: [], value }, { limits: LIMITS, keepsAll: () => isWhole });
  if (typeof read === "string") throw new Error(read);
  return read;
}

const shown = (rules: readonly StreamRule[]): readonly string[] => rules.map(({ stream, rule }) => `${stream.id}/${rule.number}`);

function judged(streams: readonly StreamSettings[], read: ReadBack, rules = new ReadBackRules(streams)): Record<string, readonly string[]> {
  const { holding, unknown } = rules.judge(read);
  return { holding: shown(holding), unknown: shown(unknown) };
}

/** The plain way. */
function expected(streams: readonly StreamSettings[], { event, attributes }: ReadBack): Record<string, readonly string[]> {
  const of = (truth: Truth): readonly string[] =>
    shown(
      streams
        .filter((stream) => isOpenTo(stream, event.identity.tenant))
        .flatMap((stream) => stream.rules.filter((rule) => !isShadow(rule)).map((rule) => ({ stream, rule })))
        .filter(({ rule }) => evaluate(rule.criteria, attributes) === truth),
    );
  return { holding: of(true), unknown: of(null) };
}

function streamWith(id: string, criteria: readonly Criteria[], tenants: StreamSettings["tenants"] = "all"): StreamSettings {
  return streamOf(
    id,
    criteria.map((each, at) => ({
      number: at + 1,
      criteria: each,
      action: "publish",
      targets: [],
      mode: at % 5 === 4 ? "shadow" : "live",
    })),
    tenants,
  );
}

const texts = (...given: readonly string[]): readonly Criteria[] => given.map((text) => parseCriteria(text).criteria);

test("what was removed is unknown also under NOT, where an index would take it for absent", () => {
  const read = back(
    transactionEvent({ requestHeaders: [...JSON_TYPE, "x-okapi-token", "geheim"], requestBody: body('{"password":"p","n":1}') }),
  );
  const streams = [
    streamWith("s", texts("NOT x-okapi-token=a", "NOT request.body/password=a", "NOT x-none", "x-okapi-token OR METHOD=POST")),
  ];
  deepEqual(judged(streams, read), { holding: ["s/3", "s/4"], unknown: ["s/1", "s/2"] });
});

test("a header that named a coding which was undone is there for rules", () => {
  const event = transactionEvent({
    requestHeaders: [...JSON_TYPE, "Content-Encoding", "gzip"],
    requestBody: body(gzipSync('{"a":1}')),
  });
  const streams = [streamWith("s", texts("content-encoding=gzip", "NOT content-encoding", "request.body/a=1 AND content-encoding"))];
  deepEqual(judged(streams, back(event)), { holding: ["s/1", "s/3"], unknown: [] });
});

test("a value that is too long for an expression is unknown, and only for it", () => {
  const long = "a".repeat(REGEX_INPUT_CHARACTERS_MAX + 1);
  const event = transactionEvent({ requestHeaders: [...JSON_TYPE, "x-a", long], requestBody: body(JSON.stringify({ long, short: "b" })) });
  const streams = [
    streamWith(
      "s",
      texts("x-a~/^b/", "x-a=a*", "request.body/long~/b$/", "request.body/short~/b/", "NOT x-a~/^b/", "request.body/long=a*"),
    ),
  ];
  const read = back(event);
  deepEqual(judged(streams, read), expected(streams, read));
  deepEqual(judged(streams, read)["unknown"], ["s/1", "s/3"]);
});

test("a tenant that can't be told for sure is looked up all the same", () => {
  // It may have been written like that, or be what redaction left of another.
  const read = back(transactionEvent({}, { tenant: "a[redacted]" }));
  const streams = [streamWith("s", texts("METHOD=POST", "TENANT=a*"), ["a[redacted]"]), streamWith("u", texts("METHOD"), ["a"])];
  deepEqual(judged(streams, read), { holding: ["s/1"], unknown: ["s/2"] });
});

const NAMES = ["a", "b", "password"];
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>("", "x", "token=abc", "[redacted]", 1, 201, null, "x".repeat(REGEX_INPUT_CHARACTERS_MAX + 1)),
    fc.dictionary(fc.constantFrom(...NAMES), tie("value"), { maxKeys: 3 }),
    fc.array(tie("value"), { maxLength: 2 }),
  ),
})).value;
const bodies = fc.oneof(
  { weight: 6, arbitrary: json.map((value) => body(JSON.stringify(value))) },
  { weight: 1, arbitrary: fc.constantFrom(body(""), body("no JSON"), body('{"a":"x', 9), body(gzipSync('{"a":"x"}'))) },
);
const headers = fc
  .array(
    fc.tuple(
      fc.constantFrom("x-a", "X-A", "authorization", "Content-Encoding", "x-okapi-user-id", "location"),
      fc.constantFrom("", "x", "gzip", "/a?token=1", "Ã©", "x".repeat(REGEX_INPUT_CHARACTERS_MAX + 1)),
    ),
    { maxLength: 5 },
  )
  .map((pairs) => [...JSON_TYPE, ...pairs.flat()]);
const transactions = fc
  .record({
    requestHeaders: headers,
    responseHeaders: headers,
    requestBody: bodies,
    responseBody: bodies,
    target: fc.constantFrom("/x", "/authn/login", "/x?token=1"),
  })
  .map((given) => transactionEvent(given));
const agents = fc
  .record({ payload: bodies, topic: fc.constantFrom("connections", "x") })
  .map((given) => agentEvent(given, { tenant: "diku" }));

const terms = fc
  .constantFrom("METHOD", "PATH", "QUERY", "TENANT", "STATE", "STATUS", "USERID", "REQUESTSIZE", "TOPIC")
  .chain((word) =>
    fc.oneof(
      fc.constantFrom(word, "x-a", "authorization", "content-encoding", "response.x-a", "response.location"),
      fc
        .tuple(
          fc.constantFrom("request.body", "response.body", "payload"),
          fc.array(fc.constantFrom("**", "0", ...NAMES), { maxLength: 2 }),
        )
        .map(([part, steps]) => [part, ...steps.filter((step, at) => step !== "**" || steps[at - 1] !== "**")].join("/")),
    ),
  )
  .chain((name) => fc.constantFrom(name, `${name}=x`, `${name}=(x*, 1, gzip)`, `${name}~/x/`, `${name}~/[^x]/`, `${name}>0`))
  .map((text) => parseCriteria(text).criteria);
const criteria = fc.letrec<{ of: Criteria }>((tie) => ({
  of: fc.oneof(
    { maxDepth: 3 },
    terms,
    fc.record({ kind: fc.constantFrom("and" as const, "or" as const), of: fc.array(tie("of"), { minLength: 2, maxLength: 3 }) }),
    fc.record({ kind: fc.constant("not" as const), of: tie("of") }),
  ),
})).of;

test("of every rule it says what looking at each by itself says, event after event", (context) => {
  const redact = fc.constantFrom<FieldPath>(
    { kind: "requestHeader", name: "x-a" },
    { kind: "content", part: "request.body", pointer: ["a"] },
    { kind: "content", part: "payload", pointer: ["**", "b"] },
  );
  const written = fc.record({
    redact: fc.array(redact, { maxLength: 2 }),
    bytesMax: fc.constantFrom(5, 100_000, 100_000),
    isWhole: fc.constantFrom(true, true, false),
  });
  const property = fc.property(
    fc.array(fc.array(criteria, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 }),
    fc.array(fc.tuple(fc.oneof(transactions, agents), written), { minLength: 1, maxLength: 3 }),
    (given, events) => {
      const tenants = ["all", ["diku"], ["other"]] as const;
      const streams = given.map((each, at) => streamWith(`s${at}`, each, tenants[at]));
      const rules = new ReadBackRules(streams);
      for (const [event, how] of events) {
        const read = back(event, how);
        deepEqual(judged(streams, read, rules), expected(streams, read));
      }
    },
  );
  holds(context, property, 2_000);
});
