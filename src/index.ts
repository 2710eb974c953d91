/**
 * Sidestream inside another program: the same rules, spool and destinations, with the engine in the caller's thread.
 *
 * Promise: `accept` settles once every message of the event is on disk.
 */
import { loadConfiguration } from "./config/load.ts";
import { registerBuiltInDrivers } from "./drivers.ts";
import { type ErrorCode, SidestreamError } from "./errors.ts";
import type { Event } from "./flow/event.ts";
import { Flow } from "./flow/flow.ts";
import type { FlowSnapshot } from "./flow/flow-snapshot.ts";
import { lockDataFolder } from "./flow/spool/lock.ts";
import { createLog, type LogLevel } from "./observe/log.ts";

export { ERRORS, isSidestreamError, SidestreamError, type ErrorCode, type Retry } from "./errors.ts";
export type { AgentEvent, CapturedBody, Event, Transaction } from "./flow/event.ts";
export type { FlowSnapshot } from "./flow/flow-snapshot.ts";

export interface CreateFlowOptions {
  /** Path of a configuration file; its sources name who hands events in, nothing listens. */
  readonly config: string;
  /** What `${env:NAME}` is looked up in. Default: nothing, so that a configuration can't leak the environment. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Default `warn`. */
  readonly logLevel?: LogLevel;
}

export interface EmbeddedFlow {
  /**
   * Takes an event and settles once its messages are on disk.
   *
   * @throws SidestreamError `SST_SPOOL_FULL`, `SST_TENANT_SHARE` or `SST_SPOOL_IO` when it was not kept; hand it in again
   * later. What a log says that has stopped, such as `SST_SPOOL_READ_ONLY`: not before a restart.
   */
  accept(event: Event): Promise<void>;
  /** How the flow does: messages by stream, tenant and destination, and the destinations' states. */
  snapshot(): FlowSnapshot;
  /** Ends sending and closes the spool. What is not delivered is sent after the next start. */
  close(graceMs: number): Promise<void>;
}

/** How often it is looked whether a log has come to its end or has room again; the engine's own thread does the same. */
const ROOM_LOOK_MS = 100;

/**
 * Opens the flow of a configuration in this process.
 *
 * @throws SidestreamError as `sidestream run` would: a wrong configuration, a locked data folder, a full disk.
 */
export async function createFlow(options: CreateFlowOptions): Promise<EmbeddedFlow> {
  registerBuiltInDrivers();
  const { settings } = await loadConfiguration(options.config, { environment: options.environment ?? {} });
  const lock = await lockDataFolder(settings.dataFolder);
  try {
    const flow = await Flow.open(settings, createLog({ level: options.logLevel ?? "warn", name: "sidestream" }));
    const looking = setInterval(() => flow.lookAtRoom(), ROOM_LOOK_MS).unref();
    return {
      async accept(event) {
        const accepted = flow.accept(event, true);
        if (accepted.refused !== null) throw new SidestreamError(accepted.refused, refusalText(accepted.refused, flow.stopped));
        const failed = await flow.flush();
        if (accepted.writes.some((write) => failed.has(write)))
          throw new SidestreamError("SST_SPOOL_IO", "the event could not be written to the spool");
      },
      snapshot: () => flow.snapshot(),
      async close(graceMs) {
        clearInterval(looking);
        // A disk that fails at the end must not keep the folder locked in a program that lives on.
        await flow.close(graceMs).finally(() => lock.release());
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** @param stopped - What is to be told of logs that have stopped. */
function refusalText(code: ErrorCode, stopped: readonly string[]): string {
  if (code === "SST_SPOOL_FULL") return "a destination's spool has no room for the event: hand it in again later";
  if (code === "SST_TENANT_SHARE") return "the event's tenant holds more than its share of a destination's spool: hand it in again later";
  return stopped[0] ?? "the log of a destination can't write at the moment: hand the event in again later";
}
