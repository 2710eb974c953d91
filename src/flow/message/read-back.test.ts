import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent } from "../event.ts";
import { attributesOf } from "../match/attributes.ts";
import { evaluate } from "../match/evaluate.ts";
import { parseAttribute, parseCriteria } from "../match/parse.ts";
import { RESERVED_WORDS, type Attributes, type Criteria } from "../match/rule.ts";
import type { FieldPath, StreamSettings } from "../settings.ts";
import { eventOfMessage, type ReadBack } from "./read-back.ts";
import { shownAttributes } from "./shown.ts";
import { agentEvent, body, JSON_TYPE, makeMessage, transactionEvent, maker } from "./testing/messages.ts";

const LIMITS = { decodedBytesMax: 1024 * 1024 };

function back(event: IdentifiedEvent, settings: Partial<StreamSettings> = {}, messageBytesMax?: number): ReadBack {
  const read = eventOfMessage(makeMessage(event, settings, messageBytesMax), {
    limits: LIMITS,
    keepsAll: () => (settings.keep ?? null) === null,
  });
  if (typeof read === "string") throw new Error(read);
  return read;
}

function original(event: IdentifiedEvent): Attributes {
  return attributesOf(event, new ContentValues(event, LIMITS));
}

const truth = (text: string, attributes: Attributes): boolean | null => evaluate(parseCriteria(text).criteria, attributes);
const why = (text: string, { whyUnknown }: ReadBack): string | null => whyUnknown(parseAttribute(text));

const user = transactionEvent(
  {
    method: "PUT",
    target: "/users/7%201?token=abc&x=1",
    requestHeaders: [...JSON_TYPE, "X-Okapi-Token", "secret", "X-A", "1", "x-a", "2"],
    requestBody: body('{"n":1.0,"s":"x","password":"p","deep":[{"a":1},{"a":2}],"secret":{"b":1}}'),
    responseHeaders: JSON_TYPE,
    responseBody: body('"text"'),
  },
  { moduleName: "mod-users", route: "/users/{id}", entityId: "7 1", userId: "u" },
);

test("an event comes back as it was, but for what was removed", () => {
  for (const format of ["cloudevents", "cloudevents-binary"] as const) {
    const read = back(user, { format });
    const { transaction } = read.event;
    equal(read.stream, "users-audit");
    equal(read.event.id, user.id);
    equal(read.event.timeMs, user.timeMs);
    deepEqual(read.event.identity, user.identity);
    equal(transaction?.target, "/users/7%201?token=[redacted]&x=1");
    equal(transaction?.responseBody.bytes.toString(), '"text"');
    ok(transaction?.requestBody.bytes.toString().startsWith('{"n":1.0,"s":"x","password":"[redacted]"'));
    equal(truth("request.body/n=1.0 AND request.body/deep/1/a=2 AND x-a=2 AND SOURCE=front AND STATUS=201", read.attributes), true);
    equal(truth("DURATION=12 AND MODULENAME=mod-users AND TENANT=diku AND NOT request.body/none", read.attributes), true);
  }
});

test("what was removed is unknown, also its presence, and the reason is told", () => {
  const read = back(user);
  for (const term of [
    "x-okapi-token",
    "x-okapi-token=secret",
    "QUERY=x",
    "request.body/password",
    "request.body/secret/b",
    "REQUESTSIZE>1",
  ])
    equal(truth(term, read.attributes), null, term);
  equal(truth("request.body/**/a", read.attributes), null, "one of them may stand in what was removed");
  equal(truth("x-b OR request.body/zip", read.attributes), false);
  equal(why("x-okapi-token", read), "it was removed from the message");
  equal(why("request.body/password", read), "it was removed from the message");
  equal(why("x-a", read), null);
});

test("a stream that keeps only some fields leaves the rest of its bodies unknown", () => {
  const keep: FieldPath[] = [{ kind: "content", part: "request.body", pointer: ["n"] }];
  const read = back(user, { keep });
  equal(truth("request.body/s", read.attributes), null);
  equal(why("request.body/s", read), "what the stream's `keep` left out of the message can't be told");
  equal(why("response.body", read), "the message leaves it out (not-kept)");
});

test("a body that was cut, left out or withheld is unknown, with the reason", () => {
  equal(why("request.body/s", back(user, { body: { bytesMax: 70, types: ["json"] } })), "the message has only the begin of it");
  equal(why("request.body/s", back(user, { body: { bytesMax: 1000, types: [] } })), "the message leaves it out (type)");
  const login = transactionEvent({ target: "/authn/login", requestHeaders: JSON_TYPE, requestBody: body('{"a":1}') });
  equal(why("request.body/a", back(login)), "the message leaves it out (login-route)");
});

test("heads that were cut are unknown where the cut may have been", () => {
  const long = transactionEvent({
    target: `/${"p".repeat(20_000)}`,
    requestHeaders: Array.from({ length: 400 }, (_, index) => [`x-${index}`, "v".repeat(100)]).flat(),
  });
  const read = back(long, {}, 16 * 1024);
  equal(truth("PATH=/p", read.attributes), null);
  equal(truth("x-none", read.attributes), null);
  equal(why("x-none", read), "the message was cut to stay within its limit");
  equal(truth("METHOD=POST", read.attributes), true);
});

test("a body whose coding was undone is read as it is, and rules still see the header", () => {
  const zipped = transactionEvent({
    requestHeaders: [...JSON_TYPE, "Content-Encoding", "gzip"],
    requestBody: body(gzipSync('{"a":1}')),
  });
  const read = back(zipped);
  equal(truth("request.body/a=1 AND content-encoding=gzip", read.attributes), true);
});

test("an agent's event comes back with its payload, and what its payload hides is unknown", () => {
  const event = agentEvent({ topic: "acapy::record::connections::active", payload: body('{"state":"active","secret":"s"}') });
  const read = back(event);
  equal(truth("STATE=active AND CATEGORY=connections AND WALLET=w-1 AND EVENTTYPE=agent AND NOT METHOD", read.attributes), true);
  equal(truth("payload/secret", read.attributes), null);
});

test("what is no message of ours is told", () => {
  const read = (text: string, headers: readonly (readonly [string, string])[] = []): unknown =>
    eventOfMessage({ headers, value: Buffer.from(text) }, { limits: LIMITS });
  equal(read("x"), "it is not JSON");
  equal(read("[]"), "it is JSON, but no object");
  equal(read("{}"), "it is no CloudEvent: it has no `specversion` or no `data`, and no headers that begin with ce_");
  equal(read('{"specversion":"1.0","type":"other","data":{}}'), 'its type is "other", which is none of an event that Sidestream writes');
  ok(String(read("{}", [["ce_type", "dev.sidestream.agent"]])).startsWith("its data is not as schemas/data.schema.json says: data/topic"));
});

test("a body that is nested deeper than Sidestream writes is no event, and ends nothing", () => {
  const nested = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  const made = maker();
  const event = transactionEvent({ requestHeaders: JSON_TYPE, requestBody: body('"@@"') });
  const prepared = made.prepare(event, new ContentValues(event, LIMITS));
  const written = made.makeEvent(prepared, { redact: [], keep: null, body: { bytesMax: 1_000, types: ["json"] } }).toString();
  ok(written.includes('"@@"'));
  equal(
    eventOfMessage({ headers: [], value: Buffer.from(written.replace('"@@"', nested)) }, { limits: LIMITS }),
    "its body is nested deeper than Sidestream reads",
  );
});

test("what is shown of an event is what a message would show, by the default redaction and a stream's own", () => {
  const shown = shownAttributes(user, new ContentValues(user, LIMITS), LIMITS, []);
  equal(shown.header("x-okapi-token"), null);
  deepEqual(shown.header("x-a"), ["1", "2"]);
  equal(shown.word("SOURCE"), "front");
  deepEqual(shown.content("request.body", ["s"]), ["x"]);
  equal(shown.content("request.body", ["password"]), null);
  const less = shownAttributes(user, new ContentValues(user, LIMITS), LIMITS, [{ kind: "requestHeader", name: "x-a" }]);
  equal(less.header("x-a"), null);
});

const NAMES = ["a", "b", "password", "note", "id"];
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>("", "x", "token=abc", "[redacted]", 1, true, null, "4111111111111111"),
    fc.dictionary(fc.constantFrom(...NAMES, "4111111111111111"), tie("value"), { maxKeys: 4 }),
    fc.array(tie("value"), { maxLength: 3 }),
  ),
})).value;
const headers = fc
  .array(
    fc.tuple(
      fc.constantFrom("x-a", "X-B", "authorization", "location", "etag", "content-length", "x-okapi-user-id", "x-request-id"),
      fc.constantFrom("", "x", "/a?token=1", "token: abc", "\u00e9", "Ã©"),
    ),
    { maxLength: 6 },
  )
  .map((pairs) => [...JSON_TYPE, ...pairs.flat()]);
const paths: fc.Arbitrary<FieldPath> = fc.oneof(
  fc.constantFrom<FieldPath>(
    { kind: "requestHeader", name: "x-a" },
    { kind: "query", name: "x" },
    { kind: "pattern", name: "card-number" },
  ),
  fc
    .array(fc.constantFrom("**", ...NAMES), { maxLength: 3 })
    .map((pointer): FieldPath => ({ kind: "content", part: "request.body", pointer })),
);
const terms: fc.Arbitrary<Criteria> = fc
  .oneof(
    fc.constantFrom(...RESERVED_WORDS.filter((word) => word !== "LABEL")).map(String),
    fc.constantFrom("x-a", "x-b", "authorization", "location", "etag", "response.x-a", "response.etag", "content-length", "x-none"),
    fc
      .tuple(fc.constantFrom("request.body", "response.body"), fc.array(fc.constantFrom("**", "0", "1", ...NAMES), { maxLength: 3 }))
      .map(([part, steps]) => [part, ...steps.filter((step, index) => step !== "**" || steps[index - 1] !== "**")].join("/")),
  )
  .chain((name) => fc.constantFrom(name, `${name}=x`, `${name}=""`, `${name}=("[redacted]"*, 1)`, `${name}~/a/`, `${name}>0`))
  .map((text) => parseCriteria(text).criteria);

test("a term that is true or false of what was read back is so of the event itself", () => {
  fc.assert(
    fc.property(
      fc.record({
        requestHeaders: headers,
        responseHeaders: headers,
        request: json,
        response: json,
        target: fc.constantFrom("/users/1", "/users?x=1&token=2", "/authn/login?x=1", "/4111111111111111", "/a;token=1"),
        redact: fc.array(paths, { maxLength: 3 }),
        keep: fc.option(
          fc.array(
            paths.filter(({ kind }) => kind === "content"),
            { maxLength: 2 },
          ),
        ),
        bytesMax: fc.constantFrom(10, 100, 100_000),
        format: fc.constantFrom("cloudevents" as const, "cloudevents-binary" as const),
        criteria: fc.array(terms, { minLength: 20, maxLength: 20 }),
      }),
      ({ requestHeaders, responseHeaders, request, response, target, redact, keep, bytesMax, format, criteria }) => {
        const event = transactionEvent({
          target,
          requestHeaders,
          responseHeaders,
          requestBody: body(JSON.stringify(request)),
          responseBody: body(JSON.stringify(response)),
        });
        const read = back(event, { redact, keep, format, body: { bytesMax, types: ["json", "text"] } });
        const real = original(event);
        for (const each of criteria) {
          const seen = evaluate(each, read.attributes);
          if (seen !== null) equal(seen, evaluate(each, real), JSON.stringify(each));
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
