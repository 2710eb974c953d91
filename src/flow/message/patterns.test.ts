import assert from "node:assert/strict";
import { test } from "node:test";
import { PATTERN_NAMES, patternNamed } from "./patterns.ts";
import { withoutPatterns } from "./redact-text.ts";

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_x";
const CASES: readonly [string, string, string][] = [
  ["card-number", "4111111111111111", "[redacted]"],
  ["card-number", "a 4111-1111-1111-1111, b", "a [redacted], b"],
  ["card-number", "2026-11-22 4111 1111 1111 1111 12", "2026-11-[redacted] 12"],
  ["card-number", "378282246310005 and 6011000990139424", "[redacted] and [redacted]"],
  ["card-number", "4111111111111112", "4111111111111112"],
  ["card-number", "1732269600000 1111111111111111", "1732269600000 1111111111111111"],
  ["card-number", "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"],
  ["card-number", "id4111111111111111 41111111111111110000", "id4111111111111111 41111111111111110000"],
  ["email", "<jo.doe+x@mail.example.org>, b@c", "<[redacted]>, b@c"],
  ["email", "jörg@exämple.de. @x a@.b a@b.", "[redacted]. @x a@.b a@b."],
  ["email", "a@b.c@d.e", "[redacted]"],
  ["iban", "DE89370400440532013000, gb29 NWBK 6016 1331 9268 19!", "[redacted], [redacted]!"],
  ["iban", "DE88370400440532013000 XX89370400440532013000 DE89", "DE88370400440532013000 XX89370400440532013000 DE89"],
  ["jwt", `Bearer ${JWT}, ${JWT}.`, "Bearer [redacted], [redacted]."],
  ["jwt", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. end", "[redacted] end"],
  ["jwt", "eyJ.a.b eyJhbGciOi", "eyJ.a.b eyJhbGciOi"],
];
for (const [name, text, expected] of CASES) {
  test(`${name} makes ${JSON.stringify(expected)} of ${JSON.stringify(text)}`, () => {
    const pattern = patternNamed(name);
    assert.ok(pattern);
    assert.equal(withoutPatterns(text, [pattern]), expected);
  });
}

test("there is no pattern of another name", () => assert.equal(patternNamed("constructor"), undefined));

const HOSTILE = ["eyJ-", "eyJhbGciOi.", "@", "a@b.", "4", "4 ", "4111-", "DE8", "DE89 ", "1234567890123 "].map((piece) =>
  piece.repeat(Math.ceil(1_000_000 / piece.length)),
);
for (const name of PATTERN_NAMES) {
  // A pattern that looks at each character once for each other one would take hours, and meet the runner's time limit.
  test(`a million hostile characters don't hold up the pattern ${name}`, () => {
    for (const text of HOSTILE) patternNamed(name)?.find(text);
  });
}
