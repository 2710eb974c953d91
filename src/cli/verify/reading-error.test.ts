import { equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { whileReading } from "./reading-error.ts";

test("who reads is not told that messages wait: codes stay, hints are for reading", () => {
  for (const code of [
    "SST_TOPIC_MISSING",
    "SST_TOPIC_INVALID",
    "SST_COMMAND_INVALID",
    "SST_DESTINATION_DISK",
    "SST_LANE_UNAVAILABLE",
  ] as const) {
    const error = new SidestreamError(code, "so it is");
    const told = whileReading(error);
    ok(isSidestreamError(told));
    equal(told.code, code);
    equal(told.message, "so it is");
    equal(told.exit, error.exit);
    ok(told.hint !== error.hint);
  }
  const refused = new SidestreamError("SST_DESTINATION_LOGIN", "no");
  equal(whileReading(refused), refused);
  match(String(whileReading(new TypeError("ours"))), /TypeError/);
});
