/** Acts of an operator over one log, or one kind of logs: one after the other, until they are about to be closed. */
import { SidestreamError } from "../../errors.ts";

type Work<Result> = (signal: AbortSignal) => Promise<Result>;

export class ActTurns {
  /** Never rejects. */
  #acting: Promise<unknown> = Promise.resolve();
  readonly #ending = new AbortController();

  /** Carries out an act, after those before it. Its signal tells that the log is about to be closed: then none is begun. */
  run<Result>(act: Work<Result>): Promise<Result> {
    return this.inTurn(async (signal) => {
      if (signal.aborted) throw programEnds();
      return await act(signal);
    });
  }

  /** As `run`, for what nobody waits to be told of: its signal alone says that there is no more time for it. */
  inTurn<Result>(work: Work<Result>): Promise<Result> {
    const result = this.#acting.then(() => work(this.#ending.signal));
    this.#acting = result.catch(() => undefined);
    return result;
  }

  /** Ends what is under way at its next step, and takes no more. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#acting;
  }
}

/** Why an act of an operator isn't begun, or not gone on with. */
export function programEnds(): SidestreamError {
  return new SidestreamError("SST_ENGINE_LOST", "the program ends: give the command again once it runs");
}
