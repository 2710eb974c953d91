/** Checks a refusal to the letter: place, problem, source line and caret. */
import { equal, throws } from "node:assert/strict";
import { RuleSyntaxError } from "../rule-error.ts";

/**
 * Asserts that a one-line text is refused.
 *
 * @param marked - The text with `‸` before the place that the error must point at.
 */
export function refused(
  parse: (text: string) => unknown,
  marked: string,
  problem: string,
  code: "SST_RULE_INVALID" | "SST_NOT_AVAILABLE" = "SST_RULE_INVALID",
): void {
  const offset = marked.indexOf("‸");
  const text = marked.replace("‸", "");
  throws(
    () => parse(text),
    (error: unknown) => {
      if (!(error instanceof RuleSyntaxError)) throw error;
      equal(error.message, `1:${offset + 1}: ${problem}\n${text}\n${" ".repeat(offset)}^`);
      equal(error.problem, problem);
      equal(error.code, code);
      equal(error.line, 1);
      equal(error.column, offset + 1);
      equal(error.offset, offset);
      return true;
    },
  );
}
