/** A host over the scripted engine, for tests: starts it, waits for what it tells, ends it with the test. */
import { once, EventEmitter } from "node:events";
import type { TestContext } from "node:test";
import type { CapturePort, Reservation } from "../../../driver/source.ts";
import { EngineHost, type EngineHostOptions } from "../engine-host.ts";
import type { EngineEvent } from "../engine-report.ts";
import { workerUrl } from "../worker-url.ts";
import type { Script } from "./scripted.test-worker.ts";

export const ROUTES = ["default", "/bulk/*"];

export interface HostUnderTest {
  readonly host: EngineHost;
  readonly port: CapturePort;
  readonly events: EngineEvent[];
  /** Settles with the next event of a kind. */
  readonly next: <Kind extends EngineEvent["kind"]>(kind: Kind) => Promise<Extract<EngineEvent, { kind: Kind }>>;
}

export function hostUnderTest(
  context: TestContext,
  script: Omit<Script, "lives"> = {},
  options: Partial<EngineHostOptions> = {},
): HostUnderTest {
  const told = new EventEmitter();
  const events: EngineEvent[] = [];
  const host = new EngineHost({
    url: workerUrl("./scripted.test-worker", import.meta.url),
    workerData: { lives: new SharedArrayBuffer(4), ...script } satisfies Script,
    handoverBytesMax: 16 * 1024 * 1024,
    heapMiB: 64,
    restartMsMin: 5,
    restartMsMax: 50,
    onEvent(event) {
      events.push(event);
      told.emit(event.kind, event);
    },
    ...options,
  });
  context.after(() => host.stop(0));
  return {
    host,
    port: host.port({ index: 0, name: "front", routes: ROUTES }),
    events,
    next: async (kind) => {
      const [event] = await once(told, kind);
      return event;
    },
  };
}

export async function startedHost(
  context: TestContext,
  script: Omit<Script, "lives"> = {},
  options: Partial<EngineHostOptions> = {},
): Promise<HostUnderTest> {
  const started = hostUnderTest(context, script, options);
  await started.host.start();
  return started;
}

/** A reservation that has to be granted. */
export async function reserved(port: CapturePort, bytes = 4096, waitMs = 5_000): Promise<Reservation> {
  const reservation = await port.reserve(bytes, waitMs);
  if (reservation === null) throw new Error(`no room for ${bytes} bytes within ${waitMs} ms`);
  return reservation;
}
