import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { parseMoment, parseSpan } from "./moment.ts";

const NOW_MS = Date.parse("2026-11-20T10:00:00Z");

test("a moment is a time with its zone, a day from midnight UTC, or how long ago", () => {
  const at = (text: string): string => new Date(parseMoment(text, "--since", NOW_MS)).toISOString();
  equal(at("2026-01-31T08:00:00Z"), "2026-01-31T08:00:00.000Z");
  equal(at("2026-01-31T08:00+02:00"), "2026-01-31T06:00:00.000Z");
  equal(at("2026-01-31"), "2026-01-31T00:00:00.000Z");
  equal(at("2h"), "2026-11-20T08:00:00.000Z");
});

test("anything else is refused with what is expected: a time without a zone means another one on each machine", () => {
  for (const text of ["yesterday", "2026-01-31T08:00:00", "2026-13-31", "2026-02-31", "2026-02-31T08:00:00Z", "31.1.2026", "2", ""])
    throws(() => parseMoment(text, "--until", NOW_MS), { code: "SST_COMMAND_INVALID", message: /^--until .*: expected a time such as/ });
});

test("of two moments the first must be before the second", () => {
  const flags = ["--from", "--to"] as const;
  deepEqual(parseSpan(undefined, undefined, flags), { fromMs: null, toMs: null });
  deepEqual(parseSpan("1970-01-01", "1970-01-02", flags), { fromMs: 0, toMs: 86_400_000 });
  for (const [from, to] of [
    ["2026-01-02", "2026-01-01"],
    ["2026-01-01", "2026-01-01"],
    ["1h", "2h"],
  ] as const)
    throws(() => parseSpan(from, to, flags), {
      code: "SST_COMMAND_INVALID",
      message: `--from ${from} isn't before --to ${to}: nothing can be between them`,
    });
});
