/** Acts of an operator over one log: one after the other, until the log is about to be closed. */
import { SidestreamError } from "../../errors.ts";

export class ActTurns {
  /** Never rejects. */
  #acting: Promise<unknown> = Promise.resolve();
  readonly #ending = new AbortController();

  /** Carries out an act, after those before it. Its signal tells that the log is about to be closed. */
  run<Result>(act: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const result = this.#acting.then(() => {
      if (this.#ending.signal.aborted)
        throw new SidestreamError("SST_ENGINE_LOST", "the program ends: give the command again once it runs");
      return act(this.#ending.signal);
    });
    this.#acting = result.catch(() => undefined);
    return result;
  }

  /** Ends what is under way at its next step, and takes no more. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#acting;
  }
}
