/**
 * The running program: edge, health listener and control socket, from start to a clean end.
 *
 * Promise: nothing is left open when the start fails; the end completes what is under way within the grace period.
 */
import { controlSocketPath, openControlSocket, type ControlListener } from "../admin/control-socket.ts";
import { openHealth, type HealthListener } from "../admin/health.ts";
import type { Loaded } from "../config/load.ts";
import { isSidestreamError } from "../errors.ts";
import { Edge } from "../flow/edge.ts";
import type { Log, LogLevel } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { VERSION } from "../version.ts";
import { answerCommand } from "./control-commands.ts";

export interface RunningOptions {
  readonly loaded: Loaded;
  readonly log: Log;
  readonly logLevel: LogLevel;
  /** The health address was not chosen by the user: when it is taken, any free port will do. */
  readonly healthMayMove: boolean;
}

/** Time for exchanges and sends under way at the end. */
const GRACE_MS = 10_000;

export class Running {
  readonly edge: Edge;
  readonly health: HealthListener | null;
  readonly #control: ControlListener | null;
  readonly #life: { draining: boolean };

  private constructor(edge: Edge, health: HealthListener | null, control: ControlListener | null, life: { draining: boolean }) {
    this.edge = edge;
    this.health = health;
    this.#control = control;
    this.#life = life;
  }

  /** Starts everything and logs where it listens. @throws SidestreamError with nothing left open. */
  static async start(options: RunningOptions): Promise<Running> {
    const { loaded, log, logLevel } = options;
    for (const { kind, name, reason } of loaded.dormant) log.warn({ kind, name }, `dormant ${kind} ${name}: ${reason}`);
    const edge = await Edge.open({ settings: loaded.settings, enabled: loaded.enabled, log, logLevel });
    let health: HealthListener | null = null;
    const life = { draining: false };
    try {
      health = await startHealth(options, edge, life);
      const control = loaded.enabled ? await startControl(options, edge) : null;
      const running = new Running(edge, health, control, life);
      tellStart(options, running);
      return running;
    } catch (error) {
      await health?.close();
      await edge.close(0);
      throw error;
    }
  }

  /** What the clean end still waits for, for a person. */
  unfinished(): string {
    return this.edge.unfinished() ?? "the health listener or the control socket is not closed";
  }

  /** Ends cleanly. Again is harmless. */
  async stop(): Promise<void> {
    this.#life.draining = true;
    await this.edge.close(GRACE_MS);
    await this.#control?.close();
    await this.health?.close();
  }
}

async function startHealth(
  { loaded, log, healthMayMove }: RunningOptions,
  edge: Edge,
  life: { readonly draining: boolean },
): Promise<HealthListener | null> {
  if (loaded.health === null) return null;
  const metrics = createMetrics({
    collect: () => edge.status(),
    build: { version: VERSION },
    tenantLabelsMax: loaded.settings.limits.tenantLabelsMax,
  });
  const checks = {
    live: () => true,
    ready: async () => {
      const reasons: string[] = [];
      if (life.draining) reasons.push("the program is ending");
      if (!edge.engineUp) reasons.push("the engine is being restarted");
      reasons.push(...(await edge.stoppedLogs()));
      return { ready: reasons.length === 0, reasons };
    },
    metrics: () => metrics.text(),
    onError: (problem: unknown) => log.error({ err: problem }, "the health listener met an error"),
  };
  try {
    return await openHealth({ listen: loaded.health, ...checks });
  } catch (error) {
    if (!healthMayMove || !isSidestreamError(error)) throw error;
    log.warn({ port: loaded.health.port }, "the default port for health checks is taken; a free one is used");
    return openHealth({ listen: { host: loaded.health.host, port: 0 }, ...checks });
  }
}

async function startControl({ loaded, log }: RunningOptions, edge: Edge): Promise<ControlListener | null> {
  const { dataFolder } = loaded.settings;
  try {
    controlSocketPath(dataFolder);
  } catch (error) {
    log.warn({ err: error }, "`sidestream status` will not work: choose a data folder with a shorter path");
    return null;
  }
  return openControlSocket(dataFolder, (command, payload) => answerCommand({ loaded, edge, log }, command, payload));
}

function tellStart({ loaded, log }: RunningOptions, { edge, health }: Running): void {
  const { settings, enabled } = loaded;
  if (!enabled) log.warn("`enabled` is not true in the configuration: traffic is forwarded, nothing is captured");
  for (const { name, connection } of edge.sources)
    log.info({ source: name, address: connection.address }, `listening on ${connection.address}`);
  if (health !== null) log.info({ address: health.address }, `health checks and metrics on ${health.address}`);
  log.info({ instance: settings.instance, data: settings.dataFolder, version: VERSION, pid: process.pid }, "sidestream runs");
}
