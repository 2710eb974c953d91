import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { ERRORS } from "../../errors.ts";
import { RuleSyntaxError, parseAction, parseAttribute, parseCriteria, parseRule, parseTargets, parseTemplate } from "./parse.ts";
import type { Attribute, Criteria } from "./rule.ts";
import { refused } from "./testing/refused.ts";

const header = (name: string): Attribute => ({ kind: "header", name });
const equals = (name: string, text: string, stem = false): Criteria => ({
  kind: "in",
  attribute: header(name),
  operands: [{ text, stem }],
});
const criteriaOf = (text: string): Criteria => parseCriteria(text).criteria;

test("the proposal's own example parses as it stands", () => {
  deepEqual(parseRule("(x-okapi-tenant=fs00000001 AND MODULENAME=folio_users) , publish , kafka1:topic3"), {
    rule: {
      criteria: {
        kind: "and",
        of: [
          { kind: "in", attribute: { kind: "word", word: "TENANT" }, operands: [{ text: "fs00000001", stem: false }] },
          { kind: "in", attribute: { kind: "word", word: "MODULENAME" }, operands: [{ text: "folio_users", stem: false }] },
        ],
      },
      action: "publish",
      targets: [{ destination: "kafka1", topic: ["topic3"] }],
    },
    warnings: [],
  });
});

test("NOT binds tightest, then AND, then OR; keywords are in any case", () => {
  deepEqual(criteriaOf("a=1 or not b=2 aNd c=3"), {
    kind: "or",
    of: [equals("a", "1"), { kind: "and", of: [{ kind: "not", of: equals("b", "2") }, equals("c", "3")] }],
  });
  deepEqual(criteriaOf("NOT(a=1 OR b=2)AND c=3"), {
    kind: "and",
    of: [{ kind: "not", of: { kind: "or", of: [equals("a", "1"), equals("b", "2")] } }, equals("c", "3")],
  });
  deepEqual(criteriaOf("NOT NOT a=1"), { kind: "not", of: { kind: "not", of: equals("a", "1") } });
});

test("words that only begin like keywords are words", () => {
  deepEqual(criteriaOf("notable=order OR android"), {
    kind: "or",
    of: [equals("notable", "order"), { kind: "present", attribute: header("android") }],
  });
});

test("parentheses that change nothing leave no trace", () => {
  deepEqual(criteriaOf("((a=1))"), equals("a", "1"));
});

test("equality, stemming, lists and their negation", () => {
  deepEqual(criteriaOf("a=b"), equals("a", "b"));
  deepEqual(criteriaOf("a = b"), equals("a", "b"));
  deepEqual(criteriaOf("a=folio_search-*"), equals("a", "folio_search-", true));
  deepEqual(criteriaOf('a="any value"*'), equals("a", "any value", true));
  deepEqual(criteriaOf('a=""'), equals("a", ""));
  const list: Criteria = {
    kind: "in",
    attribute: header("a"),
    operands: [
      { text: "b", stem: false },
      { text: "c d", stem: false },
      { text: "e", stem: true },
    ],
  };
  deepEqual(criteriaOf('a=(b, "c d",e*)'), list);
  deepEqual(criteriaOf('a!=( b , "c d" , e* )'), { kind: "not", of: list });
  deepEqual(criteriaOf("a!=b"), criteriaOf("NOT a=b"));
});

test("in quotes a backslash stands before a quote or a backslash", () => {
  deepEqual(criteriaOf(String.raw`a="say \"hi\" \\ , (and) = * ~ NOT"`), equals("a", String.raw`say "hi" \ , (and) = * ~ NOT`));
  deepEqual(criteriaOf('a="two\nlines"'), equals("a", "two\nlines"));
});

test("bare values are any characters but spaces, commas, parentheses, quotes and operators", () => {
  for (const word of [
    "/users/bulk",
    "a@b.org",
    "2026-11-22T10:00:00Z",
    "{x}",
    "[y]",
    "größe",
    "漢字",
    "🎈",
    "e\u0301",
    "L’Aquila",
    "a+b-c&d|e;f?g#h%i$j^k`l\\m",
    "\u{1D4D0}",
  ]) {
    deepEqual(criteriaOf(`a=${word} AND b`), { kind: "and", of: [equals("a", word), { kind: "present", attribute: header("b") }] });
  }
});

test("any Unicode space separates", () => {
  deepEqual(criteriaOf("\u00a0a=b\u3000AND\tc=d\r\n"), { kind: "and", of: [equals("a", "b"), equals("c", "d")] });
});

test("regular expressions keep their text; a slash is written with a backslash", () => {
  deepEqual(criteriaOf(String.raw`a~/^\/users\/\d+\\/`), {
    kind: "regex",
    attribute: header("a"),
    pattern: String.raw`^/users/\d+\\`,
    ignoreCase: false,
  });
  deepEqual(criteriaOf('a ~ /[,)("=]/i AND b'), {
    kind: "and",
    of: [
      { kind: "regex", attribute: header("a"), pattern: '[,)("=]', ignoreCase: true },
      { kind: "present", attribute: header("b") },
    ],
  });
});

test("comparisons take numbers as JSON writes them", () => {
  const compare = (comparison: "<" | "<=" | ">" | ">=", number: number): Criteria => ({
    kind: "compare",
    attribute: { kind: "word", word: "STATUS" },
    comparison,
    number,
  });
  deepEqual(criteriaOf("STATUS>=400"), compare(">=", 400));
  deepEqual(criteriaOf("STATUS < -1.5e2"), compare("<", -150));
  deepEqual(criteriaOf("STATUS<=0"), compare("<=", 0));
  deepEqual(criteriaOf("STATUS>-0"), compare(">", 0));
});

test("names: headers in any case, responses, content, reserved words", () => {
  const names: readonly (readonly [string, Attribute])[] = [
    ["X-Thing", header("x-thing")],
    ["header.Status", header("status")],
    ["header.x-okapi-tenant", header("x-okapi-tenant")],
    ["X-OKAPI-TENANT", { kind: "word", word: "TENANT" }],
    ["X-REQUEST-ID", header("x-request-id")],
    ["__proto__", header("__proto__")],
    ["constructor", header("constructor")],
    ["payload-id", header("payload-id")],
    ["response.Content-Type", { kind: "responseHeader", name: "content-type" }],
    ["response.bodyguard", { kind: "responseHeader", name: "bodyguard" }],
    ["request.body", { kind: "content", part: "request.body", pointer: [] }],
    ["request.body/a~1b/~01/0", { kind: "content", part: "request.body", pointer: ["a/b", "~1", "0"] }],
    ["response.body/**/password", { kind: "content", part: "response.body", pointer: ["**", "password"] }],
    ["payload/__proto__/constructor", { kind: "content", part: "payload", pointer: ["__proto__", "constructor"] }],
    ['payload/"due date"/"a/b~0"/""', { kind: "content", part: "payload", pointer: ["due date", "a/b~0", ""] }],
    ["payload/größe", { kind: "content", part: "payload", pointer: ["größe"] }],
    ["payload/a//b", { kind: "content", part: "payload", pointer: ["a", "", "b"] }],
    ["INTERFACEVERSION", { kind: "word", word: "INTERFACEVERSION" }],
  ];
  for (const [text, attribute] of names) {
    deepEqual(parseAttribute(text), attribute, text);
    deepEqual(criteriaOf(`${text}=v`), { kind: "in", attribute, operands: [{ text: "v", stem: false }] }, text);
    deepEqual(criteriaOf(`${text}~/v/`), { kind: "regex", attribute, pattern: "v", ignoreCase: false }, text);
  }
});

test("capture is another name for publish; ignore has no target", () => {
  equal(parseRule("a , capture , k:t").rule.action, "publish");
  deepEqual(parseRule("a,ignore").rule, { criteria: { kind: "present", attribute: header("a") }, action: "ignore", targets: [] });
  equal(parseAction(" ignore "), "ignore");
  equal(parseAction("capture"), "publish");
});

test("targets hold templates; a topic may be left to a default", () => {
  deepEqual(parseTargets("kafka1:{env}.{tenant}.x"), [{ destination: "kafka1", topic: [{ name: "env" }, ".", { name: "tenant" }, ".x"] }]);
  deepEqual(parseTargets("kafka1:a-b_c"), [{ destination: "kafka1", topic: ["a-b_c"] }]);
  deepEqual(parseTargets(" kafka1 ", { topicDefault: "events" }), [{ destination: "kafka1", topic: ["events"] }]);
  deepEqual(parseRule("a, publish, kafka1", { topicDefault: "events" }).rule.targets, [{ destination: "kafka1", topic: ["events"] }]);
});

test("templates know env, module, entity, entityId and every reserved word in lower case", () => {
  deepEqual(parseTemplate("{tenant}/{entityId}"), [{ name: "tenant" }, "/", { name: "entityId" }]);
  deepEqual(parseTemplate("{interfaceversion}{module} x"), [{ name: "interfaceversion" }, { name: "module" }, " x"]);
});

test("a reserved word in another case is a header, with a warning", () => {
  const { criteria, warnings } = parseCriteria("a=b AND Status=200");
  deepEqual(criteria, { kind: "and", of: [equals("a", "b"), equals("status", "200")] });
  deepEqual(warnings, [
    {
      line: 1,
      column: 9,
      offset: 8,
      problem: "Status is taken for a request header; write STATUS for the reserved word, or header.status if the header is meant",
    },
  ]);
  deepEqual(parseCriteria("header.status=200 AND response.status=200").warnings, []);
});

test("a quoted value that ends in a star is taken as it is, with a warning", () => {
  const { criteria, warnings } = parseCriteria('a="folio_search-*"');
  deepEqual(criteria, equals("a", "folio_search-*"));
  deepEqual(warnings, [
    { line: 1, column: 17, offset: 16, problem: 'the star is part of the value; for "begins with" write it after the quote' },
  ]);
  deepEqual(parseCriteria('a="folio_*"*').warnings, []);
});

test("a pointer that ends in a slash names the empty key, with a warning", () => {
  const { criteria, warnings } = parseCriteria("payload/a/");
  deepEqual(criteria, { kind: "present", attribute: { kind: "content", part: "payload", pointer: ["a", ""] } });
  deepEqual(warnings, [{ line: 1, column: 10, offset: 9, problem: 'this pointer ends in "/" and so names the empty key' }]);
});

test("** after ** is one **, with a warning", () => {
  const { criteria, warnings } = parseCriteria("payload/**/**/a");
  deepEqual(criteria, { kind: "present", attribute: { kind: "content", part: "payload", pointer: ["**", "a"] } });
  deepEqual(warnings, [{ line: 1, column: 12, offset: 11, problem: "** after ** adds nothing" }]);
});

test("warnings of later lines give their line", () => {
  const { warnings } = parseRule("a=b AND\n  status=1 ,\n publish, k:t");
  deepEqual(
    warnings.map(({ line, column, offset }) => [line, column, offset]),
    [[2, 3, 10]],
  );
});

test("an error on a later line shows that line", () => {
  throws(() => parseCriteria("a=b\n  AND c=d e\n  AND f"), {
    message: '2:11: expected AND, OR or the end, found "e"\n  AND c=d e\n          ^',
  });
});

test("columns count UTF-16 code units; the caret stands under the place in a terminal", () => {
  throws(() => parseCriteria("a=🎈漢e\u0301 b"), {
    column: 9,
    message: '1:9: expected AND, OR or the end, found "b"\na=🎈漢e\u0301 b\n        ^',
  });
});

test("a long line is clipped around the caret, and control characters are not printed", () => {
  throws(() => parseCriteria(`a=${"x".repeat(100)} \t"\u001b[31m${"y".repeat(100)}"`), {
    message: `1:105: expected AND, OR or the end, found """\n…${"x".repeat(58)}  "·[31m${"y".repeat(34)}…\n${" ".repeat(61)}^`,
  });
  throws(() => parseCriteria(`a b="${"y".repeat(200)}"`), {
    message: `1:3: expected AND, OR or the end, found "b"\na b="${"y".repeat(95)}…\n  ^`,
  });
});

test("an error has a hint of its own, or the one of its code", () => {
  const hintOf = (text: string): string => {
    try {
      parseCriteria(text);
    } catch (error) {
      if (error instanceof RuleSyntaxError) return error.hint;
    }
    return "none";
  };
  equal(hintOf("a=b && c=d"), "Write AND.");
  equal(hintOf("(a=b"), ERRORS.SST_RULE_INVALID.hint);
});

test("what will come is told apart from what is wrong", () => {
  const later = (text: string, problem: string): void => refused(parseRule, text, problem, "SST_NOT_AVAILABLE");
  later("a , ‸broadcast , all", 'the action "broadcast" is not available yet');
  later("a , ‸sync , k:t", 'the action "sync" is not available yet');
  later("a , publish , ‸@oncall", "target sets (@name) are not available yet");
  later("a , publish , ‸all", 'the target "all" is not available yet');
  later("a , publish , ‸all:x", 'the target "all" is not available yet');
  later("a , publish , k:t ‸+ r:t", "combinations of targets (+ and -) are not available yet");
  later("a , publish , k:t ‸- @x", "combinations of targets (+ and -) are not available yet");
  later("a , publish , k:t‸+r:t", "combinations of targets (+ and -) are not available yet");
  later("a , publish , k‸+r:t", "combinations of targets (+ and -) are not available yet");
  later("a , publish , ‸-k:t", "combinations of targets (+ and -) are not available yet");
  later("a , publish , k:t‸, r:t", "several targets in one rule are not available yet");
});
