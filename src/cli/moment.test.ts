import { equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { parseMoment } from "./moment.ts";

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
