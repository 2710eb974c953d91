/** Opens the sources of the edge. */
import assert from "node:assert/strict";
import { sourceDriver } from "../driver/registry.ts";
import type { CapturePort, Notice, SourceConnection } from "../driver/source.ts";
import type { Log } from "../observe/log.ts";
import type { EngineHost } from "./capture/engine-host.ts";
import { wantsEvents } from "./deliveries.ts";
import type { FlowSettings, SourceSettings } from "./settings.ts";

/** What is told of a source that has nowhere to bring its events to. */
export const IDLE =
  "not opened: no rule leads to a destination that is there, so what it took in would go nowhere; name the destination as the rules do";

/**
 * Opens a source if it carries traffic, or what it takes in has somewhere to go: else it would drop events, or say that
 * it kept what it didn't.
 *
 * @param host - Null: the program is switched off.
 * @returns Why it was not opened, where it wasn't: `off`, or `idle` since no rule is awake.
 * @throws SidestreamError what the source says.
 */
export async function openSource(
  source: SourceSettings,
  index: number,
  host: EngineHost | null,
  { log, settings }: { readonly log: Log; readonly settings: FlowSettings },
): Promise<SourceConnection | "off" | "idle"> {
  const driver = sourceDriver(source.type);
  assert(driver !== undefined, `a driver for ${source.type}, since the configuration was checked`);
  const { name } = source;
  if (host === null && driver.carriesTraffic !== true) {
    log.warn({ source: name }, "not opened: nothing is captured, since `enabled` is false");
    return "off";
  }
  if (driver.carriesTraffic !== true && !wantsEvents(settings)) {
    log.error({ source: name }, IDLE);
    return "idle";
  }
  const port = host?.port({ index, name, routes: driver.routes(source.options) }) ?? NOTHING;
  const notice: Notice = (level, text) => log[level]({ source: name }, text);
  return driver.open(source.options, { name, port, notice, dataFolder: settings.dataFolder, signal: new AbortController().signal });
}

/** The port while the program is switched off: everything passes, nothing is kept. */
const NOTHING: CapturePort = {
  recordBytesMax: Number.MAX_SAFE_INTEGER,
  reserve: () => Promise.resolve({ bytes: 0, release: () => undefined }),
  hold: () => false,
  unhold: () => undefined,
  submit: () => undefined,
  submitDurable: () => Promise.resolve("spooled"),
  countLoss: () => undefined,
};
