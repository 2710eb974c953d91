/** Starts a cluster for a test file, or tells why its tests are skipped. */
import { KafkaCluster, type KafkaClusterOptions } from "./cluster.ts";

export interface TestKafka {
  /** For the `skip` of a test: false, or why there is no cluster. */
  readonly skip: string | false;
  /** @throws Error when there is none; a skipped test doesn't get here. */
  readonly cluster: KafkaCluster;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a cluster, which ends with this process at the latest.
 *
 * @throws Error when it can't be started and the environment says CI=true: there, no test is skipped unseen.
 */
export async function kafkaForTests(options: KafkaClusterOptions = {}): Promise<TestKafka> {
  try {
    const cluster = await KafkaCluster.start(options);
    return { skip: false, cluster, [Symbol.asyncDispose]: async () => await cluster[Symbol.asyncDispose]() };
  } catch (problem) {
    if (process.env["CI"] === "true") throw problem;
    const skip = `no Kafka: ${problem instanceof Error ? problem.message : String(problem)}`;
    return {
      skip,
      get cluster(): KafkaCluster {
        throw new Error(skip, { cause: problem });
      },
      async [Symbol.asyncDispose]() {},
    };
  }
}
