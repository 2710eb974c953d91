/** Opens the driver's view of a test cluster. */
import type { TestContext } from "node:test";
import { Cluster } from "../cluster.ts";
import { kafkaOptions, type KafkaOptions } from "../options.ts";

export interface OpenedCluster {
  readonly cluster: Cluster;
  /** What an operator would have been told. */
  readonly notices: readonly string[];
}

/** Options as a configuration file would give them, with a short timeout for what is meant to fail. */
export function optionsWith(given: Readonly<Record<string, unknown>>): KafkaOptions {
  return kafkaOptions.parse({ requestTimeout: "10s", ...given });
}

/** Opens it for one test; it is closed with the test at the latest. */
export async function openCluster(t: TestContext, given: Readonly<Record<string, unknown>>, ageMsMax?: number): Promise<OpenedCluster> {
  const notices: string[] = [];
  const context = { name: "kafka1", signal: t.signal, notice: (text: string) => void notices.push(text) };
  const cluster = await Cluster.open(optionsWith(given), context, ageMsMax);
  t.after(async () => await cluster.close());
  return { cluster, notices };
}
