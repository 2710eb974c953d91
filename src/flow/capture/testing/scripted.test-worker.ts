/**
 * An engine for tests: what it does with a record stands in the record's target (or, of an agent, its topic).
 *
 * `settle`, `refuse`: at once. `hold`: neither settled nor credited until the call `release`. `throw`, `exit`, `heap`:
 * it dies of it. `settle-then-exit`: it dies in the turn after the answer.
 */
import assert from "node:assert/strict";
import { parentPort, workerData } from "node:worker_threads";
import { SidestreamError } from "../../../errors.ts";
import type { Decoded } from "../decode.ts";
import { serveEngine, type EnginePort } from "../engine-port.ts";

/** What a test hands to this worker. */
export interface Script {
  /** One Int32: engines started so far. */
  readonly lives: SharedArrayBuffer;
  /** Starts that fail, by number from 1, and how. */
  readonly starts?: Readonly<Record<number, "locked" | "throw" | "exit" | "never">>;
  /** Told to the edge before it is ready. */
  readonly roomBytes?: number;
}

assert(parentPort !== null);
const port = parentPort;
const script = workerData as Script;
const life = Atomics.add(new Int32Array(script.lives), 0, 1) + 1;

const seen: string[] = [];
const held: Decoded[] = [];
let heldBytes = 0;
let undecodable = 0;

function fillHeap(): never {
  const hoard: unknown[] = [];
  for (;;) hoard.push(Array.from({ length: 1000 }, (_, index) => ({ index })));
}

function die(how: string | undefined): void {
  if (how === "throw") throw new Error("the engine met a record it can't take");
  if (how === "exit") process.exit(7);
  if (how === "heap") fillHeap();
}

function wordOf({ event }: Decoded): string | undefined {
  return event.transaction === null ? event.agent?.topic.split("::")[1] : event.transaction.target.split("/")[1];
}

function take(engine: EnginePort, record: Decoded): void {
  engine.working(record.recordNumber);
  seen.push(record.event.id);
  const word = wordOf(record);
  die(word);
  if (word === "hold") held.push(record);
  else if (record.durable) engine.settle(record.recordNumber, word === "refuse" ? "refused" : "spooled");
  if (word === "settle-then-exit") setImmediate(() => setImmediate(() => process.exit(7)));
}

function release(engine: EnginePort): void {
  for (const record of held.splice(0)) if (record.durable) engine.settle(record.recordNumber, "spooled");
  engine.credit(heldBytes);
  heldBytes = 0;
}

async function answer(engine: EnginePort, name: string, payload: unknown): Promise<unknown> {
  switch (name) {
    case "echo":
      return payload;
    case "seen":
      return { seen, life, undecodable };
    case "release":
      release(engine);
      return null;
    case "room":
      engine.room(payload as number);
      return null;
    case "garbage":
      port.postMessage(new ArrayBuffer(3));
      return null;
    case "silent":
      return new Promise(() => {});
    case "unclonable":
      return () => 1;
    case "exit":
      return process.exit(7);
    default:
      throw new SidestreamError("SST_CONFIG_INVALID", `there is no "${name}"`);
  }
}

async function failStart(how: "locked" | "throw" | "exit" | "never" | undefined): Promise<void> {
  if (how === "locked") throw new SidestreamError("SST_SPOOL_LOCKED", "process 1 holds /data", { cause: new Error("database is locked") });
  if (how === "throw") throw new Error("not a known error");
  if (how === "exit") process.exit(7);
  if (how === "never") await new Promise(() => {});
}

serveEngine(port, async (engine) => {
  await failStart(script.starts?.[life]);
  if (script.roomBytes !== undefined) engine.room(script.roomBytes);
  return {
    onBatch(records, batchBytes) {
      for (const record of records) take(engine, record);
      if (records.some((record) => wordOf(record) === "hold")) heldBytes += batchBytes;
      else engine.credit(batchBytes);
    },
    onCall: (name, payload) => answer(engine, name, payload),
    async onStop() {
      release(engine);
    },
    onUndecodable() {
      undecodable += 1;
    },
  };
});
