/**
 * One life of the engine: from the start of its worker to the worker's `exit`.
 *
 * Promise: `onReady` comes at most once, `onExit` exactly once and last; settle messages that the engine sent before it
 * died come before it. A worker's `error` only says why: the thread is gone when `exit` says so.
 */
import { Worker } from "node:worker_threads";
import { SidestreamError } from "../../errors.ts";
import { errorFromText, type FromEngine, type ToEngine } from "./control.ts";
import { HANDOVER_VERSION, invalidHandover } from "./layout.ts";
import { decodeSettle, type SettleMessage } from "./settle.ts";

export interface EngineLifeOptions {
  readonly url: URL;
  readonly workerData: unknown;
  /** Size of the engine's own heap. */
  readonly heapMiB: number;
  /** Milliseconds until the engine must be ready; it reads its spool meanwhile. */
  readonly readyMsMax: number;
  readonly bootId: Uint8Array;
  readonly sources: readonly (string | undefined)[];
}

export interface EngineEnd {
  readonly exitCode: number;
  /** Why, where it is known: what it threw, why it did not start, or that its heap was full. */
  readonly error: Error | null;
  readonly wasReady: boolean;
  /** Milliseconds since it was ready; 0 when it never was. */
  readonly lifeMs: number;
  /** The record that it worked on; null for none. */
  readonly recordNumber: number | null;
}

export interface EngineLifeListener {
  onReady(): void;
  onSettle(message: SettleMessage): void;
  onAnswer(message: Extract<FromEngine, { kind: "answer" | "refusal" }>): void;
  /** It threw or ran out of heap: give it nothing more. `onExit` follows. */
  onDying(): void;
  /** Its clean stop ended; null: all went well. */
  onStopped(error: Error | null): void;
  onExit(end: EngineEnd): void;
}

export class EngineLife {
  /** Settles after `onExit`. */
  readonly exited: Promise<void>;
  readonly #worker: Worker;
  readonly #listener: EngineLifeListener;
  readonly #working = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT));
  readonly #readyTimer: NodeJS.Timeout;
  #error: Error | null = null;
  #readyAtMs: number | null = null;
  #whenStopped: (() => void)[] = [];
  #stopped = false;

  /** Starts the worker. @throws whatever `new Worker` throws for a bad address or data that can't be cloned. */
  constructor(options: EngineLifeOptions, listener: EngineLifeListener) {
    this.#listener = listener;
    this.#worker = new Worker(options.url, {
      workerData: options.workerData,
      name: "sidestream-engine",
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB, maxOldGenerationSizeMb: options.heapMiB },
    });
    this.#readyTimer = setTimeout(() => {
      this.#fail(new SidestreamError("SST_ENGINE_SILENT", `the engine was not ready within ${options.readyMsMax} ms`));
    }, options.readyMsMax);
    this.#worker.on("message", (message: ArrayBuffer | FromEngine) => this.#onMessage(message));
    this.#worker.on("messageerror", (error) => this.#fail(invalidHandover("message from the engine", error.message)));
    this.#worker.on("error", (error: unknown) => {
      this.#error ??= error instanceof Error ? error : new Error(String(error));
      listener.onDying();
    });
    this.exited = new Promise((resolve) => {
      this.#worker.on("exit", (exitCode) => {
        this.#onExit(exitCode);
        resolve();
      });
    });
    this.post({ kind: "open", version: HANDOVER_VERSION, bootId: options.bootId, sources: options.sources, working: this.#working.buffer });
  }

  get isReady(): boolean {
    return this.#readyAtMs !== null;
  }

  post(message: ToEngine): void {
    this.#worker.postMessage(message);
  }

  /** Hands a batch over; the buffer is the engine's from here on. */
  sendBatch(buffer: ArrayBuffer): void {
    this.#worker.postMessage(buffer, [buffer]);
  }

  /** Asks for a clean stop; settles when the engine says that it has stopped, or is gone. */
  stop(): Promise<void> {
    this.post({ kind: "stop" });
    return this.#stopped ? Promise.resolve() : new Promise((resolve) => this.#whenStopped.push(resolve));
  }

  /** Ends the thread as it stands. */
  terminate(): void {
    // The exit event tells when it is done; the returned promise says no more.
    void this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#listener.onDying();
    this.terminate();
  }

  #onMessage(message: ArrayBuffer | FromEngine): void {
    if (message instanceof ArrayBuffer) {
      this.#onBytes(message);
      return;
    }
    switch (message.kind) {
      case "ready":
        // Too late: it was given up, and its exit is on the way.
        if (this.#error !== null) return;
        clearTimeout(this.#readyTimer);
        this.#readyAtMs = performance.now();
        this.#listener.onReady();
        return;
      case "failed":
        this.#fail(errorFromText(message.error));
        return;
      case "answer":
      case "refusal":
        this.#listener.onAnswer(message);
        return;
      case "stopped":
        this.#listener.onStopped(message.error === null ? null : errorFromText(message.error));
        this.#tellStopped();
    }
  }

  #onBytes(buffer: ArrayBuffer): void {
    let message: SettleMessage;
    try {
      message = decodeSettle(buffer);
    } catch (error) {
      // An engine that sends bytes nobody can read is as good as dead; forwarding must not die with it.
      this.#fail(error as Error);
      return;
    }
    this.#listener.onSettle(message);
  }

  #tellStopped(): void {
    this.#stopped = true;
    for (const resolve of this.#whenStopped) resolve();
    this.#whenStopped = [];
  }

  #onExit(exitCode: number): void {
    clearTimeout(this.#readyTimer);
    // Read only now: the thread has ended, so the store can't be half done.
    const recordNumber = this.#working[0] ?? 0;
    this.#listener.onExit({
      exitCode,
      error: this.#error,
      wasReady: this.isReady,
      lifeMs: this.#readyAtMs === null ? 0 : performance.now() - this.#readyAtMs,
      recordNumber: recordNumber === 0 ? null : recordNumber,
    });
    this.#tellStopped();
  }
}
/** What the engine makes is short-lived: more room for it costs 25 MiB of memory and saves a few percent of its time. */
const YOUNG_MIB = 12;
