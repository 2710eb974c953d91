/**
 * Pieces of work that must not come in between of each other: a file that is opened must not get another name meanwhile.
 *
 * Promise: one at a time, in the order in which they were asked for. Who fails is told so; the next one goes on.
 */
export class Turns {
  /** Settles when the last one that was asked for is through; never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(act: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
