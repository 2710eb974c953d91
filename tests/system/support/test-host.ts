/** What a test offers to those who help it, for runs that are no test of node:test as well. */

/** A TestContext is one. */
export interface TestHost {
  /** Leaves work for the end, also when the test fails. */
  after(work: () => unknown): void;
  /** Tells that something can't be tested here, and why. */
  skip(reason: string): void;
}

/** For a run of its own: what was left for the end is done by {@link OwnHost.end}, the last first. */
export class OwnHost implements TestHost {
  readonly skipped: string[] = [];
  readonly #work: (() => unknown)[] = [];

  after(work: () => unknown): void {
    this.#work.push(work);
  }

  skip(reason: string): void {
    this.skipped.push(reason);
  }

  async end(): Promise<void> {
    for (let work = this.#work.pop(); work !== undefined; work = this.#work.pop()) await work();
  }
}
