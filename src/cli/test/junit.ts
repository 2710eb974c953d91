/** The results of tests as JUnit XML, as CI systems read it. */
import type { SuiteOutcome } from "./run-test.ts";

/** What XML 1.0 can't hold in any form. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is for
const NOT_IN_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/** Text as an attribute's value or an element's content. */
export function xmlText(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(NOT_IN_XML, "")
    .replaceAll(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? "");
}

export function junitXml(suites: readonly SuiteOutcome[]): string {
  const tests = suites.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
  const failures = suites.reduce((sum, { failed }) => sum + failed, 0);
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites name="sidestream" tests="${tests}" failures="${failures}">`];
  for (const { file, stream, outcomes, failed } of suites) {
    lines.push(`  <testsuite name="${xmlText(file)}" tests="${outcomes.length}" failures="${failed}" errors="0" skipped="0">`);
    for (const { test, diff, reasons } of outcomes) {
      const head = `    <testcase name="${xmlText(test.name)}" classname="${xmlText(stream)}" file="${xmlText(test.file)}" line="${test.line}"`;
      if (diff.length === 0) lines.push(`${head}/>`);
      else {
        lines.push(
          `${head}>`,
          `      <failure message="${xmlText(diff.find((line) => !line.startsWith(" ")) ?? "")}">${xmlText([...diff, ...reasons].join("\n"))}</failure>`,
        );
        lines.push("    </testcase>");
      }
    }
    lines.push("  </testsuite>");
  }
  return `${[...lines, "</testsuites>"].join("\n")}\n`;
}
