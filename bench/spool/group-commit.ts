/**
 * Group commit for a store that has none of its own: what is appended while a commit runs goes into the next one, which
 * begins at the end of the turn, when all who were told of the last one have appended again.
 */
export class GroupCommit {
  readonly #commit: (indexes: readonly number[]) => void | Promise<void>;
  #waiting: number[] = [];
  #settled = Promise.withResolvers<void>();
  #running = false;

  /** @param commit - Returns, or settles, once all of it is on disk. */
  constructor(commit: (indexes: readonly number[]) => void | Promise<void>) {
    this.#commit = commit;
  }

  append(index: number): Promise<void> {
    this.#waiting.push(index);
    if (!this.#running) {
      this.#running = true;
      setImmediate(() => void this.#run());
    }
    return this.#settled.promise;
  }

  async #run(): Promise<void> {
    const indexes = this.#waiting;
    const settled = this.#settled;
    this.#waiting = [];
    this.#settled = Promise.withResolvers();
    try {
      await this.#commit(indexes);
      settled.resolve();
    } catch (error) {
      settled.reject(error);
    }
    setImmediate(() => {
      if (this.#waiting.length > 0) void this.#run();
      else this.#running = false;
    });
  }
}
