/**
 * Questions from the edge to the engine: status, metrics, commands.
 *
 * Promise: each call ends: with the answer, with the engine's error, at its deadline, or when the engine dies.
 */
import { SidestreamError } from "../../errors.ts";
import { errorFromText, type FromEngine, type ToEngine } from "./control.ts";

/** Milliseconds that the engine has for an answer. */
export const CALL_MS_MAX = 5_000;
/** Calls that may wait at once: each is a person's or a scraper's question, so more means that nobody answers. */
export const CALLS_MAX = 100;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class Calls {
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  get pendingCount(): number {
    return this.#pending.size;
  }

  /**
   * Asks.
   *
   * @throws {@link SidestreamError} `SST_ENGINE_SILENT` when no answer came in time, or too many wait already.
   */
  ask(post: (message: ToEngine) => void, name: string, payload: unknown, waitMsMax: number): Promise<unknown> {
    if (this.#pending.size >= CALLS_MAX) {
      return Promise.reject(
        new SidestreamError("SST_ENGINE_SILENT", `"${name}" was not asked: ${CALLS_MAX} questions to the engine wait already`),
      );
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      // Before it is noted: a payload that can't be cloned throws here, and rejects.
      post({ kind: "call", id, name, payload });
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new SidestreamError("SST_ENGINE_SILENT", `the engine did not answer "${name}" within ${waitMsMax} ms`));
      }, waitMsMax);
      this.#pending.set(id, { resolve, reject, timer });
    });
  }

  answered(message: Extract<FromEngine, { kind: "answer" | "refusal" }>): void {
    const pending = this.#take(message.id);
    if (message.kind === "answer") pending?.resolve(message.value);
    else pending?.reject(errorFromText(message.error));
  }

  /** The engine died. */
  rejectAll(error: Error): void {
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending !== undefined) clearTimeout(pending.timer);
    this.#pending.delete(id);
    return pending;
  }
}
