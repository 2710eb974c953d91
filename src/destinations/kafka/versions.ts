/** Which requests a broker knows, and whether that is enough. */
import { apiVersionsV3, protocolAPIsById, type Connection } from "@platformatic/kafka";
import { SidestreamError } from "../../errors.ts";

/** Kafka's numbers of the requests that this driver makes. */
export const API_KEYS = {
  produce: 0,
  metadata: 3,
  createTopics: 19,
  initProducerId: 22,
  describeConfigs: 32,
  describeCluster: 60,
  describeProducers: 61,
} as const;

/** What a broker must know: Kafka 3.0 does. Without these nothing can be said about what was written. */
const REQUIRED: readonly (readonly [apiKey: number, wanted: readonly number[]])[] = [
  [API_KEYS.produce, [9, 10, 11]],
  [API_KEYS.metadata, [10, 11, 12]],
  [API_KEYS.initProducerId, [4, 5]],
  [API_KEYS.describeProducers, [0]],
];

export class Versions {
  readonly #ranges: ReadonlyMap<number, readonly [min: number, max: number]>;
  readonly #address: string;

  constructor(address: string, ranges: ReadonlyMap<number, readonly [min: number, max: number]>) {
    this.#address = address;
    this.#ranges = ranges;
  }

  /** True when the broker knows one of the versions. */
  has(apiKey: number, wanted: readonly number[]): boolean {
    return this.#highest(apiKey, wanted) !== undefined;
  }

  /**
   * Highest version that both sides know.
   *
   * @throws SidestreamError `SST_DESTINATION_UNSUPPORTED`, naming what the broker lacks.
   */
  version(apiKey: number, wanted: readonly number[]): number {
    const found = this.#highest(apiKey, wanted);
    if (found !== undefined) return found;
    const range = this.#ranges.get(apiKey);
    const has = range === undefined ? "does not have it" : `has versions ${range[0]} to ${range[1]}`;
    const name = protocolAPIsById[apiKey] ?? `request ${apiKey}`;
    throw new SidestreamError(
      "SST_DESTINATION_UNSUPPORTED",
      `broker ${this.#address}: ${name} version ${Math.min(...wanted)} to ${Math.max(...wanted)} is needed (Kafka 3.0 or newer), the broker ${has}`,
    );
  }

  #highest(apiKey: number, wanted: readonly number[]): number | undefined {
    const range = this.#ranges.get(apiKey);
    if (range === undefined) return undefined;
    const both = wanted.filter((version) => version >= range[0] && version <= range[1]);
    return both.length === 0 ? undefined : Math.max(...both);
  }

  /** @throws SidestreamError `SST_DESTINATION_UNSUPPORTED` when the broker is too old, or not a Kafka broker. */
  require(): void {
    for (const [apiKey, wanted] of REQUIRED) this.version(apiKey, wanted);
  }
}

/** Asks a broker for its versions. Rejects as the client does. */
export async function askVersions(connection: Connection, address: string): Promise<Versions> {
  const { apiKeys } = await apiVersionsV3.api.async(connection, "sidestream", "1");
  return new Versions(address, new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]])));
}
