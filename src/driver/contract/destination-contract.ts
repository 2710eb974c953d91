/**
 * The contract suite for destination drivers: one call in a driver's test file.
 *
 * Promise: a driver that passes can be used by the flow as any other.
 */
import type { DestinationDriver } from "../destination.ts";
import { destinationCases } from "./cases.ts";
import type { DestinationHarness } from "./harness.ts";

/** A test that takes longer hangs: above all bounds within, for a broker may take a minute to come back. */
const TEST_MS_MAX = 180_000;

/**
 * Registers the contract's tests with `node:test`.
 *
 * @param driver - As it is exported; its options are parsed by its own schema.
 * @param harness - A destination to test against; what it offers decides, with `driver.promises`, which tests apply.
 */
export function destinationContract<Options>(driver: DestinationDriver<Options>, harness: DestinationHarness): void {
  // Loaded here, so that a driver that imports this package for its types doesn't load the test runner.
  const { test } = process.getBuiltinModule("node:test");
  for (const { name, run } of destinationCases(driver, harness)) test(`${driver.type}: ${name}`, { timeout: TEST_MS_MAX }, run);
}
