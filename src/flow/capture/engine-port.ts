/**
 * The engine's end of the hand-over, in the worker: reads batches, gathers answers, sends them once per loop turn.
 *
 * Promise: `onBatch` gets the batches in the order sent. Back-pressure is by credit alone: the edge hands over no more
 * than it has room for, so nothing is queued here. A batch whose framing is broken ends the worker: its records can't
 * be told apart, and a fresh engine is the way to a known state.
 */
import assert from "node:assert/strict";
import type { MessagePort } from "node:worker_threads";
import { errorToText, type FromEngine, type ToEngine } from "./control.ts";
import { decodeBatch, type Decoded, type Undecodable } from "./decode.ts";
import { HANDOVER_VERSION, invalidHandover } from "./layout.ts";
import { SettleGatherer, type EngineSettlement } from "./settle.ts";

/** How the engine speaks to the edge. */
export interface EnginePort {
  /** Ends a durable record: its messages are on disk (or it matched nothing), or the spool refused it. Once each. */
  settle(recordNumber: number, outcome: EngineSettlement): void;
  /**
   * Gives bytes of batches back, once no body of theirs is needed and a crash of the engine would lose nothing of them
   * uncounted. What was not credited when the engine dies counts as lost.
   */
  credit(bytes: number): void;
  /** Tells how many bytes of encoded records the spool can surely take from now on. Call it before the engine is ready. */
  room(bytes: number): void;
  /** Names the record that is worked on from here on; 0 for none. If the engine dies meanwhile, the edge knows by which. */
  working(recordNumber: number): void;
  /** Records whose inside could not be read. */
  readonly undecodableCount: number;
}

export interface EngineHandlers {
  /**
   * Takes a batch. What it throws ends the engine. Call `working` before each record; it is set to 0 on return.
   *
   * @param records - In order of capture. Their bodies are views of the batch.
   * @param batchBytes - What to credit for the whole batch.
   */
  onBatch(records: readonly Decoded[], batchBytes: number): void;
  /** Answers a question; what it throws reaches the asker. */
  onCall(name: string, payload: unknown): unknown;
  /** Ends cleanly: settle what can be, close the spool. No batch follows. */
  onStop(): Promise<void>;
  /** A record could not be read. The edge counts it and, if durable, refuses it; this is for the log. */
  onUndecodable(record: Undecodable): void;
}

class Engine implements EnginePort {
  readonly #port: MessagePort;
  readonly #gatherer = new SettleGatherer();
  readonly #working: Float64Array;
  readonly #flushLater = (): void => this.flush();
  readonly #bootId: string;
  #sources: readonly (string | undefined)[];
  #immediate: NodeJS.Immediate | null = null;
  #batchNumber: number | null = null;
  undecodableCount = 0;

  constructor(port: MessagePort, opening: Extract<ToEngine, { kind: "open" }>) {
    this.#port = port;
    this.#sources = opening.sources;
    this.#bootId = Buffer.from(opening.bootId).toString("hex");
    this.#working = new Float64Array(opening.working);
  }

  settle(recordNumber: number, outcome: EngineSettlement): void {
    this.#gatherer.settle(recordNumber, outcome);
    this.#schedule();
  }

  credit(bytes: number): void {
    this.#gatherer.credit(bytes);
    this.#schedule();
  }

  room(bytes: number): void {
    this.#gatherer.room(bytes);
    this.#schedule();
  }

  working(recordNumber: number): void {
    this.#working[0] = recordNumber;
  }

  post(message: FromEngine): void {
    this.#port.postMessage(message);
  }

  /** Sends what was gathered. */
  flush(): void {
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#immediate = null;
    const buffer = this.#gatherer.take();
    if (buffer !== null) this.#port.postMessage(buffer, [buffer]);
  }

  setSources(sources: readonly (string | undefined)[]): void {
    this.#sources = sources;
  }

  takeBatch(buffer: ArrayBuffer, handlers: EngineHandlers): void {
    const batch = decodeBatch(buffer, this.#sources);
    if (batch.bootId !== this.#bootId) throw invalidHandover(`batch ${batch.number}`, "it comes from another start of the edge");
    if (this.#batchNumber !== null && batch.number !== this.#batchNumber + 1) {
      throw invalidHandover(`batch ${batch.number}`, `it follows batch ${this.#batchNumber}: one is missing or came twice`);
    }
    this.#batchNumber = batch.number;
    for (const record of batch.undecodable) {
      this.undecodableCount += 1;
      this.#gatherer.settle(record.recordNumber, "unreadable");
      this.#schedule();
      handlers.onUndecodable(record);
    }
    handlers.onBatch(batch.records, buffer.byteLength);
    this.working(0);
  }

  /** One message per loop turn: an immediate runs after all files and sockets that were ready in it. */
  #schedule(): void {
    this.#immediate ??= setImmediate(this.#flushLater);
  }
}

async function answer(engine: Engine, handlers: EngineHandlers, call: Extract<ToEngine, { kind: "call" }>): Promise<void> {
  try {
    const value: unknown = await handlers.onCall(call.name, call.payload);
    engine.post({ kind: "answer", id: call.id, value });
  } catch (error) {
    engine.post({ kind: "refusal", id: call.id, error: errorToText(error) });
  }
}

async function stop(engine: Engine, handlers: EngineHandlers): Promise<void> {
  let failure: unknown = null;
  try {
    await handlers.onStop();
  } catch (error) {
    failure = error;
  }
  engine.flush();
  engine.post({ kind: "stopped", error: failure === null ? null : errorToText(failure) });
}

function receive(engine: Engine, handlers: EngineHandlers, message: ArrayBuffer | ToEngine): void {
  if (message instanceof ArrayBuffer) {
    engine.takeBatch(message, handlers);
    return;
  }
  switch (message.kind) {
    case "sources":
      engine.setSources(message.sources);
      return;
    case "call":
      void answer(engine, handlers, message); // It catches all it meets.
      return;
    case "stop":
      void stop(engine, handlers); // It catches all it meets.
      return;
    case "open":
      assert.fail("the engine is opened once");
  }
}

/**
 * Serves the engine over the port that its worker was given.
 *
 * @param port - `parentPort` of the worker.
 * @param open - Opens the engine. The edge is told that it is ready once this settles; what it throws ends the worker
 * and reaches the caller of `EngineHost.start` with code and text.
 */
export function serveEngine(port: MessagePort, open: (engine: EnginePort) => Promise<EngineHandlers>): void {
  // Messages that come while the engine opens, in order.
  const early: ToEngine[] = [];
  const begin = async (opening: Extract<ToEngine, { kind: "open" }>): Promise<void> => {
    const hold = (message: ToEngine): void => void early.push(message);
    try {
      if (opening.version !== HANDOVER_VERSION)
        throw invalidHandover("opening", `version ${opening.version}; this engine speaks version ${HANDOVER_VERSION}`);
      const engine = new Engine(port, opening);
      port.on("message", hold);
      const handlers = await open(engine);
      port.off("message", hold);
      port.on("message", (message: ArrayBuffer | ToEngine) => receive(engine, handlers, message));
      for (const message of early) receive(engine, handlers, message);
      // The room that was told while opening goes first, so that no reservation is granted on an old number.
      engine.flush();
      engine.post({ kind: "ready" });
    } catch (error) {
      port.postMessage({ kind: "failed", error: errorToText(error) } satisfies FromEngine);
    }
  };
  port.once("message", (message: ToEngine) => {
    assert(message.kind === "open", "the first message opens the engine");
    void begin(message); // It catches all it meets.
  });
}
