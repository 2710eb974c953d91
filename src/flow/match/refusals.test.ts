import { throws } from "node:assert/strict";
import { test } from "node:test";
import { parseAction, parseAttribute, parseCriteria, parseRule, parseTargets, parseTemplate } from "./parse.ts";
import { refused } from "./testing/refused.ts";

/** Each row: the text with ‸ before the place, and the problem told there. */
function refuses(name: string, parse: (text: string) => unknown, rows: readonly (readonly [marked: string, problem: string])[]): void {
  test(name, () => {
    for (const [marked, problem] of rows) refused(parse, marked, problem);
  });
}

refuses("terms that are not whole", parseCriteria, [
  ["‸", "expected a name, found the end"],
  ["   ‸", "expected a name, found the end"],
  ["‸=b", 'expected a name, found "="'],
  ["a=‸", "expected a value, found the end"],
  ["a= ‸)", 'expected a value, found ")"'],
  ["a=‸AND b", "expected a value, found AND"],
  ["a=‸and", "expected a value, found and"],
  ["a AND‸", "expected a name, found the end"],
  ["NOT‸", "expected a name, found the end"],
  ["‸AND b", "expected a name, found AND"],
  ["‸or=b", "expected a name, found or"],
  ["a=b AND ‸, ignore", 'expected a name, found ","'],
  ['‸"a"=b', "a term begins with a name, and names have no quotes"],
]);

refuses("operators of other languages", parseCriteria, [
  ["a=b ‸&& c", 'expected AND, OR or the end, found "&&"'],
  ["a=b ‸|| c", 'expected AND, OR or the end, found "||"'],
  ["‸!a", 'expected a name, found "!"'],
  ["a=‸=b", "an equals sign too many"],
  ["a=‸~/b/", 'expected a value, found "~"'],
  ["a‸!~/b/", 'expected "=" after "!"'],
  ["a‸<>1", '"<>" is not an operator'],
  ["a‸=>1", '"=>" is not an operator'],
  ["a‸=<1", '"=<" is not an operator'],
  ["x‸:y", ": can't stand in the name of a header"],
]);

refuses("values that need quotes, and quotes that are none", parseCriteria, [
  ["a=any ‸value", 'expected AND, OR or the end, found "value"'],
  ["a=b‸=c", 'expected AND, OR or the end, found "="'],
  ["a=‸'b'", "' is not a quote here"],
  ["a=‸“b”", "“ is not a quote here"],
  ["a=‸‘b’", "‘ is not a quote here"],
  ["a=O‸'Brien", "' can't stand in a value without quotes"],
  ['a=‸"b', "this quote is never closed"],
  ['a=‸"b\\', "this quote is never closed"],
  ['a="b‸\\n"', 'in quotes only \\" and \\\\ are escapes'],
  ['a="b" ‸"c"', 'expected AND, OR or the end, found """'],
]);

refuses("stars out of place", parseCriteria, [
  ["a=‸*", '"*" needs the beginning of a value before it'],
  ["a=b*‸c", 'nothing may follow "*" directly'],
  ["a=b*‸*", 'nothing may follow "*" directly'],
  ['a="b"*‸"c"', 'nothing may follow "*" directly'],
  ["a=b ‸*", '"*" belongs directly after the value'],
  ["a‸*", '"*" stands behind a value, not behind a name'],
]);

refuses("lists and parentheses that don't pair", parseCriteria, [
  ["a=(‸)", 'expected a value, found ")"'],
  ["a=(b,‸)", 'expected a value, found ")"'],
  ["a=(b ‸c)", 'expected a comma or ")", found "c"'],
  ["a=‸(b", "this list is never closed"],
  ["a=(b, ‸(c))", 'expected a value, found "("'],
  ["‸(a=b", "this parenthesis is never closed"],
  ["a OR ‸(b AND (c)", "this parenthesis is never closed"],
  ["(a=b ‸c=d)", 'expected AND, OR or ")", found "c"'],
  ["(a=b)‸)", 'this ")" closes nothing'],
  ["(‸)", 'expected a name, found ")"'],
]);

refuses("numbers that JSON doesn't know", parseCriteria, [
  ["STATUS>=‸", "expected a number, found the end"],
  ['STATUS>=‸"400"', 'expected a number, found """'],
  ["STATUS>=‸4xx", 'expected a number, found "4xx"'],
  ["STATUS>‸+1", 'expected a number, found "+1"'],
  ["STATUS>‸01", 'expected a number, found "01"'],
  ["STATUS>‸0x10", 'expected a number, found "0x10"'],
  ["STATUS>‸NaN", 'expected a number, found "NaN"'],
  ["STATUS>‸1e999", "this number is too large"],
]);

refuses("names, with what was probably meant", parseCriteria, [
  ["‸MODULNAME=x", "MODULNAME is not a reserved word; did you mean MODULENAME?"],
  ["a AND ‸STATSU=x", "STATSU is not a reserved word; did you mean STATUS?"],
  ["‸MODULE_NAME=x", "MODULE_NAME is not a reserved word; did you mean MODULENAME?"],
  ["‸MODULE-NAME=x", "MODULE-NAME is not a reserved word; did you mean MODULENAME?"],
  ["‸TENANTID=x", "TENANTID is not a reserved word; did you mean TENANT?"],
  ["‸EVENT=x", "EVENT is not a reserved word; did you mean EVENTTYPE?"],
  ["‸HOST=x", "HOST is not a reserved word"],
  ["‸ÜBER=x", "ÜBER is not a reserved word"],
  ["gr‸öße=x", "ö can't stand in the name of a header"],
  ["‸/users=x", "/ can't stand in the name of a header"],
  ["header.‸=x", "the name of a header is missing"],
  ["response.‸=x", "the name of a header is missing"],
  ["response.a‸/b=x", "/ can't stand in the name of a header"],
  ["‸Header.a=x", "write header. in lower case"],
  ["‸RESPONSE.a=x", "write response. in lower case"],
  ["‸Payload/a=x", "write payload in lower case"],
  ["‸REQUEST.BODY=x", "write request.body in lower case"],
  ["‸request.x-a=x", '"request." is followed by "body" only'],
  ["payload‸.state=x", 'pointers begin with "/": payload/…'],
  ["request.body‸.id=x", 'pointers begin with "/": request.body/…'],
  ["‸query.a=x", "single query parameters can't be matched"],
]);

refuses("pointers", parseCriteria, [
  ["payload/a‸*=x", "a star in a pointer is only the whole step **"],
  ["payload/‸*/b=x", "a star in a pointer is only the whole step **"],
  ["payload/‸***", "a star in a pointer is only the whole step **"],
  ['payload/‸"**"', 'a key "**" can\'t be named: ** means any depth'],
  ['payload/‸"a', "this quote is never closed"],
  ["payload/a~‸2=x", 'expected a regular expression, found "2"'],
]);

refuses("regular expressions, at the column of the fault", parseCriteria, [
  ["a~‸b", 'expected a regular expression, found "b"'],
  ["a~‸/b", "this regular expression is never closed"],
  ["a~‸/b\\/", "this regular expression is never closed"],
  ["a~‸/b\\", "this regular expression is never closed"],
  ["a~‸//", "this regular expression is empty"],
  ["a~/b/‸g", 'unknown flag "g"'],
  ["a~/b/‸ii", 'unknown flag "ii"'],
  ["a~/b‸(?=c)/", "look-ahead and look-behind are not supported"],
  ["a~/b‸(?!c)/", "look-ahead and look-behind are not supported"],
  ["a~/b‸(?<=c)/i", "look-ahead and look-behind are not supported"],
  ["a~/b‸(?<!c)/", "look-ahead and look-behind are not supported"],
  ["a~/\\/(b)\\/‸\\1/", "back-references are not supported"],
  ["a~/‸(b/", "regular expression: missing closing )"],
  ["a~/(b)‸(c[)]\\)/i", "regular expression: missing closing )"],
  ["a~/(b\\))‸)c)/", "regular expression: unexpected )"],
  ["a~/‸[b/", "regular expression: missing closing ]"],
  ["a~/x[‸z-a]/", "regular expression: invalid character class range"],
  ["a~/‸*/", "regular expression: missing argument to repetition operator"],
  ["a~/a{2}b‸{1001}/", "{1001} repeats too often, or backwards"],
  ["a~/(a{50})‸{50}/", "{50} repeats too often, or backwards"],
  ["a~/b\\d‸\\y/", "regular expression: invalid escape sequence"],
  ["a~/‸a{999}b{999}/", "this regular expression is too large: 2000 steps, at most 1000"],
]);

refuses("rules that are not whole", parseRule, [
  ["a=b‸", "expected a comma and an action, found the end"],
  ["a=b,‸", "expected an action, found the end"],
  ["a=b , ‸, k:t", 'expected an action, found ","'],
  ["a=b , ‸pubish , k:t", '"pubish" is not an action; did you mean publish?'],
  ["a=b , ‸PUBLISH , k:t", '"PUBLISH" is not an action; did you mean publish?'],
  ["a=b , ‸drop", '"drop" is not an action'],
  ["a=b , ignore ‸, k:t", "ignore takes no target"],
  ["a=b , ignore ‸x", 'expected a comma, found "x"'],
  ["a=b , publish‸", "publish needs a target"],
  ["a=b , publish,‸", "expected a target, found the end"],
  ["a=b , publish , ‸,", 'expected a target, found ","'],
  ["‸(a=b , publish , k:t", "this parenthesis is never closed"],
  ["a=b ‸c , publish , k:t", 'expected AND, OR or a comma, found "c"'],
  ["a=b‸) , publish , k:t", 'this ")" closes nothing'],
]);

refuses("targets", parseTargets, [
  ["‸", "expected a target, found the end"],
  ["‸kafka1", "the topic is missing"],
  ["kafka1:‸", "the topic is missing behind the colon"],
  ["‸:topic", "the name of the destination is missing"],
  ["ka‸/fka:topic", "a destination's name is letters, digits, dots, dashes and underscores"],
  ["k‸{env}:topic", "a destination is named as it is, not by a template"],
  ["k:t ‸x", 'expected the end of the target, found "x"'],
  ['k:‸"t"', "\" can't stand in a topic"],
  ["k:a‸*", "* can't stand in a topic"],
  ["k:a.‸>", "> can't stand in a topic"],
  ["k:‸#", "# can't stand in a topic"],
  ["k:..‸/../etc/passwd", "/ can't stand in a topic"],
  ["k:‸.", '"." and ".." can\'t be topics'],
  ["k:{tenant}.‸ä", "ä can't stand in a topic"],
  ["k:a‸::b", ": can't stand in a topic"],
  ["k:‸🎈", "🎈 can't stand in a topic"],
  ["k:‸{ tenant }", 'this "{" is never closed'],
  ["k:a.{‸tennant}", "{tennant} is not a name for templates; did you mean tenant?"],
]);

refuses("templates", parseTemplate, [
  ["‸", "this template is empty"],
  ["a‸{", 'this "{" is never closed'],
  ["a‸{tenant", 'this "{" is never closed'],
  ["a‸}", 'this "}" closes nothing'],
  ["‸{{tenant}}", "doubled braces are not supported"],
  ["{tenant}‸}", 'this "}" closes nothing'],
  ["{‸}", "{} is not a name for templates"],
  ["{‸TENANT}", "{TENANT} is not a name for templates; did you mean tenant?"],
  ["{‸entityid}", "{entityid} is not a name for templates; did you mean entityId?"],
  ["{‸__proto__}", "{__proto__} is not a name for templates"],
]);

refuses("criteria with more behind them", parseCriteria, [["a=b ‸, publish , k:t", 'expected AND, OR or the end, found ","']]);
refuses("actions with more behind them", parseAction, [
  ["publish ‸, k:t", 'expected the end, found ","'],
  ["‸", "expected an action, found the end"],
]);
refuses("names with more behind them", parseAttribute, [
  ["x-a‸=b", 'expected the end of the name, found "="'],
  ["‸", "expected a name, found the end"],
]);

test("a fault that looks like sixty sound places before it is told at the first of them", () => {
  throws(() => parseCriteria(`a~/${"[(?=]".repeat(60)}(?=x)/`), { column: 5, problem: "look-ahead and look-behind are not supported" });
  throws(() => parseCriteria(`a~/${"[(?=]".repeat(20)}(?=x)/`), { column: 104, problem: "look-ahead and look-behind are not supported" });
});

test("invisible characters outside quotes are refused, shown as a dot", () => {
  for (const [text, code, column] of [
    ["a=b\u200bc", "200B", 4],
    ["x\u202eyz=b", "202E", 2],
    ["payload/a\u2066", "2066", 10],
  ] as const) {
    refusedInvisible(text, code, column);
  }
});

function refusedInvisible(text: string, code: string, column: number): void {
  try {
    parseCriteria(text);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith(`1:${column}: an invisible character, U+${code}\n${text.slice(0, column - 1)}·`))
      return;
    throw error;
  }
  throw new Error(`${JSON.stringify(text)} was accepted`);
}
