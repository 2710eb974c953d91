/** Properties whose seed is told also when they hold, so that a run can be had again as it was. */
import { randomInt } from "node:crypto";
import type { TestContext } from "node:test";
import fc from "fast-check";

/** A new seed, told in the test's output. */
export function toldSeed(context: TestContext): number {
  const seed = randomInt(2 ** 31);
  context.diagnostic(`seed ${seed}`);
  return seed;
}

/** Asserts a property and tells the seed it was tried with. */
export function holds<Given>(context: TestContext, property: fc.IProperty<Given>, numRuns: number): void {
  fc.assert(property, { seed: toldSeed(context), numRuns });
}
