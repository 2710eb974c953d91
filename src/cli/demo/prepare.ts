/**
 * Prepares the demo: starts the sample library and writes the configuration that puts Sidestream before it.
 *
 * The program itself is started by the command `demo`; traffic begins when it asks for it.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { demoFiles } from "./demo-configuration.ts";
import { openSampleLibrary } from "./sample-library.ts";
import type { SampleLibrary } from "./sample-library.ts";
import { runSampleTraffic } from "./sample-traffic.ts";
import type { Exchange, TrafficResult } from "./sample-traffic.ts";

export interface DemoOptions {
  /** Default `127.0.0.1:0`: any free port. */
  readonly gatewayListen?: string;
  /** Default `127.0.0.1:0`. */
  readonly healthListen?: string;
  readonly seed?: number;
  /** Brokers of a Kafka cluster that gets the messages too. */
  readonly kafka?: string | null;
}

export interface PreparedDemo {
  readonly configurationFile: string;
  /** Folder in which a file appears for each topic. */
  readonly eventsFolder: string;
  readonly upstream: SampleLibrary;
  /** Sends about two requests a second through the gateway until the signal is aborted. */
  readonly startTraffic: (gatewayUrl: string, signal: AbortSignal, onExchange?: (exchange: Exchange) => void) => Promise<TrafficResult>;
}

/**
 * Writes the demo's files into a folder, which is made if need be, and starts the sample library.
 *
 * @param folder - The caller's, also to remove afterwards.
 */
export async function prepareDemo(folder: string, options: DemoOptions = {}): Promise<PreparedDemo> {
  const root = resolve(folder);
  const eventsFolder = join(root, "events");
  const { gatewayListen = "127.0.0.1:0", healthListen = "127.0.0.1:0", seed = 1, kafka = null } = options;
  const upstream = await openSampleLibrary();
  const files = demoFiles({ gatewayListen, healthListen, upstreamUrl: upstream.address, eventsFolder, kafka });
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, name)), { recursive: true });
      await writeFile(join(root, name), text);
    }
  } catch (problem) {
    await upstream.close();
    throw problem;
  }
  return {
    configurationFile: join(root, "sidestream.yaml"),
    eventsFolder,
    upstream,
    startTraffic: async (gatewayUrl, signal, onExchange) =>
      runSampleTraffic({ gatewayUrl, signal, seed, ...(onExchange === undefined ? {} : { onExchange }) }),
  };
}
