/** The contract of a destination driver as a list of tests; which apply follows from what driver and harness offer. */
import type { DestinationDriver } from "../destination.ts";
import { ContractBench, type Body } from "./bench.ts";
import { abortCases, failureCases } from "./cases/failure-cases.ts";
import { memoryCases } from "./cases/memory-cases.ts";
import { messageCases, orderCases } from "./cases/message-cases.ts";
import { identityCases, laneCases } from "./cases/lane-cases.ts";
import { numberCases } from "./cases/number-cases.ts";
import { olderCases } from "./cases/older-cases.ts";
import { onceCases } from "./cases/once-cases.ts";
import { openingCases } from "./cases/opening-cases.ts";
import { outageCases, pauseCases } from "./cases/outage-cases.ts";
import type { DestinationHarness } from "./harness.ts";

/** One test of the contract. Its name is true of a driver for which `run` settles. */
export interface ContractCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** The tests that apply to a driver, to be run one after another. */
export function destinationCases<Options>(driver: DestinationDriver<Options>, harness: DestinationHarness): readonly ContractCase[] {
  const { ordered, deduplicates } = driver.promises;
  const bodies: Record<string, Body> = {
    ...openingCases(harness),
    ...messageCases(harness),
    ...(ordered ? orderCases(driver.promises) : {}),
    ...failureCases(harness),
    ...abortCases(),
    ...(harness.start !== undefined ? outageCases(harness) : {}),
    ...(harness.pause !== undefined && harness.resume !== undefined ? pauseCases() : {}),
    ...memoryCases(harness),
    ...(deduplicates ? { ...laneCases(), ...numberCases(harness), ...olderCases(), ...onceCases(harness) } : {}),
    ...(deduplicates && driver.identity !== undefined ? identityCases() : {}),
  };
  return Object.entries(bodies).map(([name, body], index) => ({
    name,
    async run() {
      const bench = new ContractBench(driver as DestinationDriver, harness, index + 1);
      await bench.begin();
      try {
        await body(bench);
      } finally {
        await bench.end();
      }
    },
  }));
}
