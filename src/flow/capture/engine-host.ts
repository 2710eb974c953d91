/**
 * Keeps an engine running in a worker beside the edge, and gives each source its capture port.
 *
 * Promise: whatever kills the engine inside its thread (an exception, its heap full, an exit), the edge lives on: each
 * durable record not yet settled settles as `lost`, best-effort ones are counted, and a new engine starts after the old
 * worker's `exit`, again and again, with growing pauses. Only the first start may fail the caller.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { CapturePort } from "../../driver/source.ts";
import { SidestreamError, isSidestreamError } from "../../errors.ts";
import { CALL_MS_MAX, Calls } from "./calls.ts";
import { transactionEventId } from "./decode.ts";
import { EngineLife, type EngineEnd } from "./engine-life.ts";
import type { EngineCounters, EngineEvent, FatalRecord } from "./engine-report.ts";
import { HandoverLine } from "./handover-line.ts";
import { BOOT_ID_BYTES, MAX_U16 } from "./layout.ts";
import { SourcePort, type SourceIdentity } from "./source-port.ts";

export interface EngineHostOptions {
  /** The worker's script; see `workerUrl`. */
  readonly url: URL;
  readonly workerData: unknown;
  /** Bytes between edge and engine: held, reserved or handed over. */
  readonly handoverBytesMax: number;
  /** Room in the spool that each durable record counts for at least; see `RoomBounds`. Default 0. */
  readonly spoolBytesPerRecord?: number;
  /** Size of the engine's own heap. Default 512. */
  readonly heapMiB?: number;
  /** Milliseconds that the engine has to become ready. Default 10 minutes: a large spool is read through. */
  readonly readyMsMax?: number;
  /** First pause before a restart; it doubles up to `restartMsMax`. Default 100. */
  readonly restartMsMin?: number;
  /** Default 5,000. */
  readonly restartMsMax?: number;
  /** An engine that lived so long starts the pauses anew. Default 60,000. */
  readonly restartResetMs?: number;
  /** Milliseconds that the engine has to answer a call. Default 5,000. */
  readonly callMsMax?: number;
  readonly onEvent?: (event: EngineEvent) => void;
}

const DEFAULTS = {
  heapMiB: 512,
  readyMsMax: 600_000,
  restartMsMin: 100,
  restartMsMax: 5_000,
  restartResetMs: 60_000,
  callMsMax: CALL_MS_MAX,
};
/** Share of the grace period in which records may settle; the rest is for closing the spool. */
const SETTLE_SHARE = 0.75;

/** Waits for a promise, at most so long. @returns False: it was too long. */
async function within(promise: Promise<unknown>, waitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, waitMs));
  });
  const isInTime = await Promise.race([promise.then(() => true), deadline]);
  clearTimeout(timer);
  return isInTime;
}

function startFailure(end: EngineEnd): SidestreamError {
  if (end.error !== null && isSidestreamError(end.error)) return end.error;
  const why = end.error === null ? `exit code ${end.exitCode}` : end.error.message;
  return new SidestreamError("SST_ENGINE_LOST", `the engine ended before it was ready: ${why}`, { cause: end.error });
}

export class EngineHost {
  /** 16 hex digits, new for each host; transactions' event ids begin with it. */
  readonly bootId: string;
  /** The record that the last engine to die worked on; null when it worked on none. */
  lastFatalRecord: FatalRecord | null = null;
  /** Engines started after the first that became ready. */
  engineRestarts = 0;
  readonly #options: EngineHostOptions & typeof DEFAULTS;
  readonly #bootBytes: Buffer;
  readonly #line: HandoverLine;
  readonly #calls = new Calls();
  readonly #ports: SourcePort[] = [];
  readonly #sourceNames: (string | undefined)[] = [];
  #phase: "idle" | "starting" | "running" | "stopping" = "idle";
  #life: EngineLife | null = null;
  #restartTimer: NodeJS.Timeout | null = null;
  #failuresInRow = 0;
  #firstStart: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;
  #stopped: Promise<void> | null = null;

  constructor(options: EngineHostOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#bootBytes = randomBytes(BOOT_ID_BYTES);
    this.bootId = this.#bootBytes.toString("hex");
    const bounds = { bytesMax: options.handoverBytesMax, spoolBytesPerRecord: options.spoolBytesPerRecord ?? 0 };
    this.#line = new HandoverLine(this.#bootBytes, bounds, (buffer) => this.#life?.sendBatch(buffer));
  }

  /** Makes the capture port of a source; before or after the start. */
  port(source: SourceIdentity): CapturePort {
    assert(
      Number.isInteger(source.index) && source.index >= 0 && source.index <= MAX_U16,
      "a source's index is a whole number up to 65535",
    );
    assert(this.#sourceNames[source.index] === undefined, "each source has an index of its own");
    this.#sourceNames[source.index] = source.name;
    this.#life?.post({ kind: "sources", sources: [...this.#sourceNames] });
    const port = new SourcePort(source, this.#line);
    this.#ports.push(port);
    return port;
  }

  /**
   * Starts the engine and settles once it is ready. After a rejection it may be called again.
   *
   * @throws {@link SidestreamError} what the engine threw while it opened (`SST_SPOOL_LOCKED`, say), `SST_ENGINE_SILENT`
   * when it was not ready in time, or `SST_ENGINE_LOST` when it died without a word.
   */
  start(): Promise<void> {
    assert(this.#phase === "idle", "the engine is started once");
    this.#phase = "starting";
    return new Promise((resolve, reject) => {
      this.#firstStart = { resolve, reject };
      this.#spawn();
    });
  }

  /**
   * Asks the engine a question, such as its status.
   *
   * @param payload - Plain data.
   * @param waitMsMax - Milliseconds for the answer, where it may take longer than that of a question.
   * @throws {@link SidestreamError} `SST_ENGINE_SILENT` without an answer in time, `SST_ENGINE_LOST` when the engine is
   * down or dies meanwhile; else what the engine's handler threw.
   */
  async call(name: string, payload: unknown, waitMsMax = this.#options.callMsMax): Promise<unknown> {
    const life = this.#life;
    if (life === null || !this.#line.accepting) throw new SidestreamError("SST_ENGINE_LOST", `"${name}" was not asked: the engine is down`);
    return this.#calls.ask((message) => life.post(message), name, payload, waitMsMax);
  }

  counters(): EngineCounters {
    const { room, flight } = this.#line;
    return {
      captured: this.#ports.map(({ name, capturedCount }) => ({ source: name, count: capturedCount })),
      lost: this.#ports.flatMap((port) => port.losses()),
      unreadable: flight.unreadableCount,
      engineRestarts: this.engineRestarts,
      engineUp: this.#line.accepting,
      handoverBytes: room.usedBytes,
      handoverBytesMax: room.bytesMax,
      spoolRoomBytes: room.spoolRoomBytes,
      waiters: room.waiterCount,
      unsettled: flight.unsettledCount,
      batchesInFlight: flight.batchCount,
    };
  }

  /**
   * Stops cleanly: what was captured goes over and settles, the engine closes its spool, the worker ends. Close the
   * sources first. What is not settled when the time is over settles as `lost`. Again is harmless.
   *
   * @param graceMs - Milliseconds for all of it; a quarter is kept for closing the spool.
   */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async #stop(graceMs: number): Promise<void> {
    const endMs = performance.now() + graceMs;
    this.#phase = "stopping";
    this.#line.room.close();
    if (this.#restartTimer !== null) clearTimeout(this.#restartTimer);
    const life = this.#life;
    if (life === null) return;
    this.#line.flush();
    this.#line.accepting = false;
    if (life.isReady) {
      await within(Promise.race([this.#line.flight.emptied(), life.exited]), graceMs * SETTLE_SHARE);
      const isInTime = await within(life.stop(), endMs - performance.now());
      if (!isInTime) this.#tell({ kind: "engine-stop-failed", error: this.#stopFailure(graceMs) });
    }
    life.terminate();
    await life.exited;
  }

  #stopFailure(graceMs: number): SidestreamError {
    const { unsettledCount, batchCount } = this.#line.flight;
    const left = `${unsettledCount} durable events and ${batchCount} batches are not settled`;
    return new SidestreamError("SST_ENGINE_SILENT", `the engine did not end within ${Math.ceil(graceMs / 1000)} s and is cut off: ${left}`);
  }

  #spawn(): void {
    this.#restartTimer = null;
    const { url, workerData, heapMiB, readyMsMax } = this.#options;
    try {
      this.#life = new EngineLife(
        { url, workerData, heapMiB, readyMsMax, bootId: this.#bootBytes, sources: [...this.#sourceNames] },
        {
          onReady: () => this.#onReady(),
          onSettle: (message) => this.#line.flight.apply(message),
          onAnswer: (message) => this.#calls.answered(message),
          onDying: () => this.#goDown(),
          onStopped: (error) => {
            if (error !== null) this.#tell({ kind: "engine-stop-failed", error });
          },
          onExit: (end) => this.#onExit(end),
        },
      );
    } catch (error) {
      // The thread could not even be made: out of threads or memory for now, or data that can't be cloned.
      this.#onExit({ exitCode: 1, error: error as Error, wasReady: false, lifeMs: 0, recordNumber: null });
    }
  }

  #onReady(): void {
    if (this.#phase === "stopping") return;
    this.#phase = "running";
    this.#line.accepting = true;
    this.#line.room.resume();
    this.#firstStart?.resolve();
    this.#firstStart = null;
    this.#tell({ kind: "engine-ready", restartCount: this.engineRestarts });
  }

  /** Gives the engine nothing more; what it has is settled at its exit, after its last messages were read. */
  #goDown(): void {
    this.#line.accepting = false;
    this.#line.room.pause();
  }

  #onExit(end: EngineEnd): void {
    this.#goDown();
    this.#life = null;
    if (end.wasReady && this.#phase !== "stopping") this.lastFatalRecord = this.#fatalRecord(end.recordNumber);
    const lost = this.#line.engineDied();
    this.#calls.rejectAll(new SidestreamError("SST_ENGINE_LOST", "the engine ended before it answered", { cause: end.error }));
    if (this.#firstStart !== null) {
      const { reject } = this.#firstStart;
      this.#firstStart = null;
      if (this.#phase === "starting") this.#phase = "idle";
      reject(startFailure(end));
      return;
    }
    if (this.#phase === "stopping") return;
    this.#restart(end, lost);
  }

  #restart(end: EngineEnd, lost: { readonly durable: number; readonly bestEffort: number }): void {
    const { restartMsMin, restartMsMax, restartResetMs } = this.#options;
    if (end.lifeMs >= restartResetMs) this.#failuresInRow = 0;
    const restartMs = Math.min(restartMsMax, restartMsMin * 2 ** this.#failuresInRow);
    this.#failuresInRow += 1;
    this.#restartTimer = setTimeout(() => {
      this.engineRestarts += 1;
      this.#spawn();
    }, restartMs);
    if (!end.wasReady) {
      this.#tell({ kind: "engine-start-failed", exitCode: end.exitCode, error: startFailure(end), restartMs });
      return;
    }
    this.#tell({
      kind: "engine-exit",
      exitCode: end.exitCode,
      error: end.error,
      lifeMs: end.lifeMs,
      lostDurableCount: lost.durable,
      lostBestEffortCount: lost.bestEffort,
      fatalRecord: this.lastFatalRecord,
      restartMs,
    });
  }

  #fatalRecord(recordNumber: number | null): FatalRecord | null {
    if (recordNumber === null) return null;
    const eventId = this.#line.flight.agentEventId(recordNumber) ?? transactionEventId(this.bootId, recordNumber);
    return { recordNumber, eventId };
  }

  #tell(event: EngineEvent): void {
    this.#options.onEvent?.(event);
  }
}
