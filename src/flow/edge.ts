/**
 * The edge: the sources on this thread, the engine on its own, and what both know of themselves.
 *
 * Promise: whatever happens to the engine, sources go on forwarding. The data folder is locked for as long as the edge
 * lives, over every restart of the engine.
 */
import type { SourceConnection } from "../driver/source.ts";
import { SidestreamError } from "../errors.ts";
import { openLoopDelayMeter } from "../observe/loop-delay.ts";
import type { Log, LogLevel } from "../observe/log.ts";
import type { EdgeCounts, Snapshot } from "../observe/snapshot.ts";
import type { SourceSamples } from "../observe/source-samples.ts";
import type { ActName } from "./acts.ts";
import { EngineHost } from "./capture/engine-host.ts";
import type { EngineEvent } from "./capture/engine-report.ts";
import { workerUrl } from "./capture/worker-url.ts";
import type { EngineData } from "./engine.ts";
import type { FlowSnapshot } from "./flow-snapshot.ts";
import type { IdentityCall, IdentityRows } from "./identity-act.ts";
import type { AdoptCall, PurgeCall } from "./orphan-acts.ts";
import { IDLE, openSource } from "./open-source.ts";
import type { FlowSettings } from "./settings.ts";
import { eventBytesMax } from "./spool-room.ts";
import type { Adopted } from "./spool/adopt.ts";
import { lockDataFolder, type DataFolderLock } from "./spool/lock.ts";

export interface EdgeOptions {
  readonly settings: FlowSettings;
  /** False: forward, capture nothing. */
  readonly enabled: boolean;
  readonly log: Log;
  readonly logLevel: LogLevel;
}

/** Share of the grace period for each step of the stop. */
const SOURCES_SHARE = 0.5;
const SENDS_MS_MAX = 2_000;
/** Before a decision over an identity is taken sending ends, for which a driver that hangs has 30 seconds. */
const IDENTITY_MS_MAX = 40_000;
/** Who asks whether traffic may come often waits for a second only. */
const STOPPED_MS_MAX = 500;
/** An orphaned log is recovered before anything of it is moved, and one that is purged may have very many files. */
const ORPHAN_MS_MAX = 100_000;
/** Acts that take long are done in pieces of a few seconds; some end sending first, as a decision over an identity does. */
const ACT_MS_MAX = 60_000;

export interface EdgeStatus extends Snapshot {
  readonly engineUp: boolean;
  readonly sources: readonly SourceStatus[];
  readonly flow: FlowSnapshot | null;
}

interface SourceStatus extends SourceSamples {
  /** Null: it was not opened, for what it took in would go nowhere. */
  readonly address: string | null;
  /** Absent where a program of an earlier release tells. */
  readonly parts?: readonly string[];
  readonly troubles: readonly string[];
}

interface OpenSource {
  readonly name: string;
  readonly connection: SourceConnection;
}

export class Edge {
  readonly sources: readonly OpenSource[];
  /** Names of the sources that were not opened, for no rule is awake. */
  readonly #idle: readonly string[];
  readonly #host: EngineHost | null;
  readonly #lock: DataFolderLock | null;
  readonly #loopDelay = openLoopDelayMeter();
  readonly #openSources = new Set<string>();
  #closed: Promise<void> | null = null;
  #isThrough = false;
  #stopped: readonly string[] = [];
  #asking: Promise<void> | null = null;

  private constructor(host: EngineHost | null, lock: DataFolderLock | null, sources: readonly OpenSource[], idle: readonly string[]) {
    this.#host = host;
    this.#lock = lock;
    this.sources = sources;
    this.#idle = idle;
    for (const { name } of sources) this.#openSources.add(name);
  }

  /**
   * Locks the data folder, starts the engine, then opens the sources: nothing is accepted before it can be kept.
   *
   * @throws SidestreamError what the lock, the engine's start or a listener says; nothing stays open.
   */
  static async open(options: EdgeOptions): Promise<Edge> {
    const opened: SourceConnection[] = [];
    let lock: DataFolderLock | null = null;
    let host: EngineHost | null = null;
    try {
      if (options.enabled) {
        lock = await lockDataFolder(options.settings.dataFolder);
        host = startHost(options);
        await host.start();
      }
      const sources: OpenSource[] = [];
      const idle: string[] = [];
      for (const [index, source] of options.settings.sources.entries()) {
        const { name } = source;
        const connection = await openSource(source, index, host, options);
        if (connection === "idle") idle.push(name);
        if (typeof connection === "string") continue;
        opened.push(connection);
        sources.push({ name, connection });
      }
      return new Edge(host, lock, sources, idle);
    } catch (error) {
      for (const connection of opened) await connection.close(0);
      await host?.stop(SENDS_MS_MAX).catch(() => undefined);
      lock?.release();
      throw error;
    }
  }

  get engineUp(): boolean {
    return this.#host === null || this.#host.counters().engineUp;
  }

  /** What is to be told of each log in use that has stopped. An engine that doesn't answer at once leaves it as it was last. */
  async stoppedLogs(): Promise<readonly string[]> {
    if (this.#host === null) return [];
    this.#asking ??= this.#host
      .call("stopped", null, STOPPED_MS_MAX)
      .then((stopped) => void (this.#stopped = stopped as readonly string[]))
      .catch(() => undefined)
      .finally(() => (this.#asking = null));
    await this.#asking;
    return this.#stopped;
  }

  /** Asks the engine and adds what the edge counts. @throws SidestreamError when the engine doesn't answer. */
  async status(): Promise<EdgeStatus> {
    const flow = this.#host === null ? null : ((await this.#host.call("snapshot", null)) as FlowSnapshot);
    return {
      flow,
      messages: flow?.messages ?? [],
      destinations: flow?.destinations ?? [],
      orphaned: flow?.orphaned ?? [],
      orphanedPending: flow?.orphanedPending ?? [],
      keptEvents: flow?.keptEvents ?? null,
      edge: this.#edgeCounts(),
      engineRestarts: this.#host?.engineRestarts ?? 0,
      engineUp: this.engineUp,
      edgeLoopDelay: this.#loopDelay.read(false),
      unidentified: flow?.unidentified ?? 0,
      shadows: flow?.shadows ?? [],
      sources: [
        ...this.sources.map(({ name, connection }) => ({
          source: name,
          address: connection.address,
          samples: connection.counters(),
          parts: connection.parts?.() ?? [],
          troubles: connection.troubles?.() ?? [],
        })),
        ...this.#idle.map((source) => ({ source, address: null, samples: {}, troubles: [IDLE] })),
      ],
    };
  }

  /**
   * As `Flow.identity`, asked of the engine.
   *
   * @throws SidestreamError what the flow says; `SST_ENGINE_LOST` or `SST_ENGINE_SILENT` when the engine doesn't answer.
   */
  async identity(call: IdentityCall): Promise<IdentityRows> {
    return (await this.#running().call("identity", call, IDENTITY_MS_MAX)) as IdentityRows;
  }

  /** As `Flow.adopt`, asked of the engine. @throws SidestreamError as `identity`. */
  async adopt(call: AdoptCall): Promise<Adopted> {
    return (await this.#running().call("adopt", call, ORPHAN_MS_MAX)) as Adopted;
  }

  /** As `Flow.purge`, asked of the engine. @throws SidestreamError as `identity`. */
  async purge(call: PurgeCall): Promise<void> {
    await this.#running().call("purge", call, ORPHAN_MS_MAX);
  }

  /**
   * Any other act of `flow/acts.ts`, asked of the engine.
   *
   * @throws SidestreamError as `identity`.
   */
  act(name: ActName, call: unknown): Promise<unknown> {
    return this.#running().call(name, call, ACT_MS_MAX);
  }

  /** Ends the sources, hands over and settles what was captured, closes the spool. Again is harmless. */
  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  /** What `close` waits for, for a person; null when it is through. */
  unfinished(): string | null {
    if (this.#isThrough) return null;
    if (this.#openSources.size > 0) return `connections of ${[...this.#openSources].join(", ")} are not closed`;
    return `the engine doesn't end, with ${this.#host?.counters().unsettled ?? 0} durable events not settled`;
  }

  async #close(graceMs: number): Promise<void> {
    const startMs = performance.now();
    const close = async ({ name, connection }: OpenSource): Promise<void> => {
      await connection.close(graceMs * SOURCES_SHARE);
      this.#openSources.delete(name);
    };
    await Promise.all(this.sources.map(close));
    await this.#host?.stop(Math.max(SENDS_MS_MAX, graceMs - (performance.now() - startMs)));
    this.#loopDelay.close();
    this.#lock?.release();
    this.#isThrough = true;
  }

  #running(): EngineHost {
    if (this.#host !== null) return this.#host;
    throw new SidestreamError("SST_COMMAND_INVALID", "`enabled` is not true: nothing is sent to any destination");
  }

  #edgeCounts(): EdgeCounts {
    const { captured = [], lost = [], unreadable = 0 } = this.#host?.counters() ?? {};
    return { captured, lost, unreadable };
  }
}

function startHost({ settings, logLevel, log }: EdgeOptions): EngineHost {
  const workerData: EngineData = { settings, logLevel, stopMs: SENDS_MS_MAX };
  return new EngineHost({
    url: workerUrl("./engine", import.meta.url),
    workerData,
    handoverBytesMax: settings.limits.handoverBytesMax,
    spoolBytesPerRecord: eventBytesMax(settings),
    onEvent: (event) => logEngineEvent(log, event),
  });
}

function logEngineEvent(log: Log, event: EngineEvent): void {
  switch (event.kind) {
    case "engine-ready":
      if (event.restartCount > 0) log.warn({ restarts: event.restartCount }, "the engine runs again");
      return;
    case "engine-exit":
      log.error(
        {
          err: event.error,
          exitCode: event.exitCode,
          lostDurable: event.lostDurableCount,
          lostBestEffort: event.lostBestEffortCount,
          event: event.fatalRecord?.eventId,
        },
        `the engine died; traffic goes on, events are not captured until it runs again in about ${event.restartMs} ms`,
      );
      return;
    case "engine-start-failed":
      log.error({ err: event.error }, `the engine could not be started again; the next try is in ${event.restartMs} ms`);
      return;
    case "engine-stop-failed":
      log.error({ err: event.error }, "the engine met an error while it stopped; the next start recovers from the spool");
      return;
  }
}
