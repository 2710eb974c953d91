/**
 * Gathers questions about topics, so that any number asked meanwhile is one request.
 *
 * Promise: one request at a time. A question joins the running request when that holds it already, unless what it will
 * answer was declared outdated; then it is part of the next.
 */
import { isSidestreamError, type SidestreamError } from "../../errors.ts";
import { destinationError } from "./kafka-error.ts";

/** One answer of some hundred KiB at most: a topic with many partitions takes about a KiB. */
const NAMES_MAX = 300;

type Read<Found> = (names: readonly string[]) => Promise<ReadonlyMap<string, Found | SidestreamError>>;

export class TopicLookup<Found extends object> {
  readonly #read: Read<Found>;
  readonly #waiting = new Map<string, PromiseWithResolvers<Found>>();
  readonly #running = new Map<string, PromiseWithResolvers<Found>>();
  readonly #outdated = new Set<string>();
  #busy = false;

  /** @param read - Answers for every name, or rejects. */
  constructor(read: Read<Found>) {
    this.#read = read;
  }

  /** Asks for a topic. Rejects with the topic's own error, or with what made the request fail. */
  ask(name: string): Promise<Found> {
    const running = this.#running.get(name);
    if (running !== undefined && !this.#outdated.has(name)) return running.promise;
    let waiting = this.#waiting.get(name);
    if (waiting === undefined) {
      waiting = Promise.withResolvers<Found>();
      // Who asked may have stopped waiting.
      waiting.promise.catch(() => {});
      this.#waiting.set(name, waiting);
    }
    if (!this.#busy) {
      this.#busy = true;
      // What is asked in the same turn goes along.
      queueMicrotask(() => void this.#run());
    }
    return waiting.promise;
  }

  /** What a running request will say of this topic may be old. */
  outdate(name: string): void {
    if (this.#running.has(name)) this.#outdated.add(name);
  }

  /** True when the running request's answer for this topic was declared old. */
  isOutdated(name: string): boolean {
    return this.#outdated.has(name);
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      for (const [name, waiting] of this.#waiting.entries().take(NAMES_MAX)) this.#running.set(name, waiting);
      for (const name of this.#running.keys()) this.#waiting.delete(name);
      try {
        const answers = await this.#read([...this.#running.keys()]);
        for (const [name, { resolve, reject }] of this.#running) {
          const answer = answers.get(name);
          if (answer === undefined || isSidestreamError(answer)) reject(answer ?? new Error(`no answer for topic ${name}`));
          else resolve(answer);
        }
      } catch (cause) {
        const error = destinationError(cause, "reading metadata", "ask");
        for (const { reject } of this.#running.values()) reject(error);
      }
      this.#running.clear();
      this.#outdated.clear();
    }
    this.#busy = false;
  }
}
