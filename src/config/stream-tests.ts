/** Reads the tests of a stream: those of its descriptor, and those in a file of their own. */
import type { IdentifiedEvent } from "../flow/event.ts";
import { check, valueAt } from "./check.ts";
import { readEventRecord } from "./event-record.ts";
import type { Findings, Place } from "./finding.ts";
import { TESTS_MAX, testsFileSchema } from "./stream-schema.ts";
import type { YamlDocument } from "./yaml-document.ts";

export interface StreamTest extends Place {
  readonly file: string;
  readonly name: string;
  readonly event: IdentifiedEvent;
  /** `destination:topic`, filled in. */
  readonly expect: readonly string[];
  /** Null: any. */
  readonly key: string | null;
  readonly rule: number | null;
}

/** @param document - A descriptor or a file of tests whose form was found right. */
export function readTests(document: YamlDocument, findings: Findings): readonly StreamTest[] {
  const tests = valueAt(document.value, ["tests"]);
  if (!Array.isArray(tests)) return [];
  return tests.slice(0, TESTS_MAX).flatMap((_, index): StreamTest[] => {
    const path = ["tests", index];
    const event = readEventRecord(document, [...path, "event"], findings);
    const member = (key: string): unknown => valueAt(document.value, [...path, key]);
    const [name, expect, key, rule] = [member("name"), member("expect"), member("key"), member("rule")];
    if (event === null || typeof name !== "string" || !Array.isArray(expect)) return [];
    return [
      {
        file: document.file,
        ...document.place([...path, "name"]),
        name,
        event,
        expect: expect.map(String),
        key: typeof key === "string" ? key : null,
        rule: typeof rule === "number" ? rule : null,
      },
    ];
  });
}

/** @returns What names the stream, and its tests; null when the form is wrong. */
export function readTestsFile(
  document: YamlDocument,
  findings: Findings,
): { readonly stream: string; readonly tests: readonly StreamTest[] } | null {
  const checked = check(testsFileSchema, document.value, [], { document, findings });
  return checked === undefined ? null : { stream: checked.stream, tests: readTests(document, findings) };
}
