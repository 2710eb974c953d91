/**
 * The engine thread: takes batches from the edge, passes each event through the flow, answers once it is on disk.
 *
 * Promise: a durable record settles as `spooled` only after every message it makes is on disk; a batch is credited when
 * nothing of it is in memory alone. An error that is no part of the flow's promises ends the thread: the edge starts a
 * fresh one, which recovers from the spool.
 */
import { parentPort, workerData } from "node:worker_threads";
import { registerBuiltInDrivers } from "../drivers.ts";
import { conservationBreaches } from "../observe/conservation.ts";
import { createLog, type Log, type LogLevel } from "../observe/log.ts";
import type { Decoded } from "./capture/decode.ts";
import { isActName } from "./acts.ts";
import { serveEngine, type EngineHandlers, type EnginePort } from "./capture/engine-port.ts";
import { Flow, type Accepted } from "./flow.ts";
import type { IdentityCall } from "./identity-act.ts";
import type { AdoptCall, PurgeCall } from "./orphan-acts.ts";
import type { FlowSettings } from "./settings.ts";

export interface EngineData {
  readonly settings: FlowSettings;
  readonly logLevel: LogLevel;
  /** Milliseconds that sends under way get at the end. */
  readonly stopMs: number;
}

/** Undecodable records are a fault of ours, or damage in memory: a few lines say enough. */
const UNDECODABLE_LINES_MAX = 20;
/** While nothing is captured for want of room, this is how the edge learns that there is room again. */
const ROOM_INTERVAL_MS = 100;
/** How often the engine's own books are held against each other. */
const BOOKS_INTERVAL_MS = 60_000;

class EngineHandling implements EngineHandlers {
  readonly #engine: EnginePort;
  readonly #flow: Flow;
  readonly #log: Log;
  readonly #stopMs: number;
  #undecodable = 0;

  constructor(engine: EnginePort, flow: Flow, log: Log, stopMs: number) {
    this.#engine = engine;
    this.#flow = flow;
    this.#log = log;
    this.#stopMs = stopMs;
  }

  onBatch(records: readonly Decoded[], batchBytes: number): void {
    const waiting: { readonly recordNumber: number; readonly accepted: Accepted }[] = [];
    for (const { event, durable, recordNumber } of records) {
      this.#engine.working(recordNumber);
      const accepted = this.#flow.accept(event, durable);
      // A best-effort record that is refused counts as lost where it was captured; nobody waits to hear of any other.
      if (accepted.refused !== null) this.#engine.settle(recordNumber, "refused");
      else if (!durable) continue;
      else if (accepted.writes.length === 0) this.#engine.settle(recordNumber, "spooled");
      else waiting.push({ recordNumber, accepted });
    }
    void this.#settle(waiting, batchBytes); // Every failure inside becomes a settlement.
  }

  onCall(name: string, payload: unknown): unknown {
    if (name === "snapshot") return this.#flow.snapshot();
    if (name === "stopped") return this.#flow.stopped;
    if (name === "identity") {
      const { destination, action } = payload as IdentityCall;
      return this.#flow.identity(destination, action);
    }
    if (name === "adopt") return this.#flow.adopt(payload as AdoptCall);
    if (name === "purge") return this.#flow.purge(payload as PurgeCall);
    if (isActName(name)) return this.#flow.act(name, payload);
    throw new Error(`the engine knows no call "${name}"`);
  }

  async onStop(): Promise<void> {
    await this.#flow.close(this.#stopMs);
  }

  onUndecodable({ recordNumber, error }: { readonly recordNumber: number; readonly error: Error }): void {
    this.#undecodable += 1;
    if (this.#undecodable <= UNDECODABLE_LINES_MAX)
      this.#log.error({ recordNumber, err: error }, "a record from the edge could not be read; it is lost");
  }

  async #settle(waiting: readonly { readonly recordNumber: number; readonly accepted: Accepted }[], batchBytes: number): Promise<void> {
    const failed = await this.#flow.flush();
    for (const { recordNumber, accepted } of waiting) {
      this.#engine.settle(recordNumber, accepted.writes.some((log) => failed.has(log)) ? "refused" : "spooled");
    }
    this.#engine.credit(batchBytes);
    this.#engine.room(this.#flow.roomBytes);
  }
}

async function open(engine: EnginePort): Promise<EngineHandlers> {
  const { settings, logLevel, stopMs } = workerData as EngineData;
  registerBuiltInDrivers();
  const log = createLog({ level: logLevel, name: "engine" });
  const flow = await Flow.open(settings, log);
  engine.room(flow.roomBytes);
  let told = flow.roomBytes;
  setInterval(() => {
    flow.lookAtRoom();
    if (flow.roomBytes !== told) engine.room((told = flow.roomBytes));
  }, ROOM_INTERVAL_MS).unref();
  setInterval(() => {
    for (const breach of conservationBreaches(flow.snapshot().messages)) {
      log.error(
        { ...breach },
        `${breach.difference} messages of ${breach.stream} to ${breach.destination} are unaccounted for: please report it`,
      );
    }
  }, BOOKS_INTERVAL_MS).unref();
  return new EngineHandling(engine, flow, log, stopMs);
}

if (parentPort !== null) serveEngine(parentPort, open);
