/** Options, openings that succeed or are refused, checks, endings. */
import assert from "node:assert/strict";
import { isSidestreamError, ERRORS, type ErrorCode } from "../../../errors.ts";
import { isNumbered } from "../../destination.ts";
import { SEND_MS_MAX } from "../bounds.ts";
import type { Body } from "../bench.ts";
import type { DestinationHarness } from "../harness.ts";

export function openingCases(harness: DestinationHarness): Record<string, Body> {
  return {
    "an option that it doesn't know is refused": async ({ driver, given }) => {
      assert(typeof given === "object", "options are an object");
      assert.equal(driver.options.safeParse({ ...given, noSuchOption: 1 }).success, false);
    },
    "a connection is ended once and again": async (bench) => {
      const connection = await bench.open();
      await bench.dispose(connection);
      await bench.dispose(connection);
    },
    "a connection is a numbered one just when the driver promises to refuse what it has already": async (bench) => {
      assert.equal(isNumbered(await bench.open()), bench.driver.promises.deduplicates);
    },
    "a check of a destination that works settles and writes no message": async (bench) => {
      const connection = await bench.open();
      await connection.check(AbortSignal.timeout(SEND_MS_MAX), bench.topics);
      assert.deepEqual(await bench.receivedValues(), []);
    },
    "what was delivered before stays when it is opened again": async (bench) => {
      const before = bench.messages(3);
      const after = bench.messages(3);
      const first = await bench.open();
      await bench.deliver(first, before);
      await bench.dispose(first);
      await bench.deliver(await bench.open(), after);
      await bench.assertArrived([...before, ...after]);
    },
    ...refusalCases(harness),
  };
}

function refusalCases(harness: DestinationHarness): Record<string, Body> {
  const cases: Record<string, Body> = {};
  if (harness.wrongCredentials !== undefined)
    cases["a login that is refused is told as such"] = refusedOpening("SST_DESTINATION_LOGIN", async () => harness.wrongCredentials?.());
  if (harness.wrongCa !== undefined)
    cases["a certificate that can't be trusted is told as such"] = refusedOpening("SST_DESTINATION_TLS", async () => harness.wrongCa?.());
  if (harness.unreachable !== undefined)
    cases["an address where nothing listens is told as such"] = refusedOpening("SST_DESTINATION_UNREACHABLE", async () =>
      harness.unreachable?.(),
    );
  return cases;
}

/** The opening fails, in a way after which messages wait; with the right options all is well. */
function refusedOpening(code: ErrorCode, options: () => Promise<unknown>): Body {
  return async (bench) => {
    const given = await options();
    const message = bench.message();
    await assert.rejects(bench.open(AbortSignal.timeout(SEND_MS_MAX), given), (error) => {
      assert(isSidestreamError(error), `the opening failed with ${String(error)}, which is no SidestreamError`);
      assert.equal(error.code, code);
      assert.notEqual(ERRORS[error.code].retry, "never", "messages wait until it is mended");
      return true;
    });
    await bench.deliver(await bench.open(), [message]);
    await bench.assertArrived([message]);
  };
}
