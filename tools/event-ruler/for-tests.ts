/** Starts event-ruler for a test file, or tells why its tests are skipped. */
import { Judge } from "./judge.ts";

export interface TestJudge {
  /** For the `skip` of a test: false, or why there is no judge. */
  readonly skip: string | false;
  /** @throws Error when there is none; a skipped test doesn't get here. */
  readonly judge: Judge;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @throws Error when it can't be started and the environment says CI=true: there, no test is skipped unseen. */
export async function judgeForTests(): Promise<TestJudge> {
  try {
    const judge = await Judge.start();
    return { skip: false, judge, [Symbol.asyncDispose]: async () => await judge[Symbol.asyncDispose]() };
  } catch (problem) {
    if (process.env["CI"] === "true") throw problem;
    const skip = `no event-ruler: ${problem instanceof Error ? problem.message : String(problem)}`;
    return {
      skip,
      get judge(): Judge {
        throw new Error(skip, { cause: problem });
      },
      async [Symbol.asyncDispose]() {},
    };
  }
}
