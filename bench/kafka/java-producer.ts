/** Kafka's own load generator with the Java client: what sending to Kafka is measured against. */
import { runTimed } from "../children.ts";
import type { Site } from "./site.ts";

/** As Kafka's own script starts it. */
const JAVA = ["-server", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"];
/** The client's defaults wait for less and send smaller batches: slower, at more CPU. */
const PRODUCER = ["acks=all", "linger.ms=5", "batch.size=131072", "compression.type=none"];

export interface Produced {
  /** By its own account: without the start of Java. */
  readonly perSecond: number;
  /** Of the whole process. */
  readonly cpuSeconds: number;
  readonly systemSeconds: number;
}

export async function runJavaProducer({ cluster, payloadFile }: Site, topic: string, messages: number): Promise<Produced> {
  const tool = ["org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", String(messages), "--throughput", "-1"];
  const producer = ["--payload-file", payloadFile, "--producer-props", `bootstrap.servers=${cluster.bootstrap.join(",")}`, ...PRODUCER];
  const { stdout, ...times } = await runTimed("java", [...JAVA, "-cp", cluster.classPath, ...tool, ...producer]);
  // The last line sums up; those before tell how it goes.
  const [sent, perSecond] = [...stdout.matchAll(/^([\d,]+) records sent, ([\d.,]+) records\/sec/gmu)]
    .at(-1)
    ?.slice(1)
    .map((text) => Number(text.replaceAll(",", ""))) ?? [0, 0];
  if (sent !== messages || perSecond === undefined)
    throw new Error(`the Java producer sent ${sent} of ${messages}:\n${stdout.slice(-1000)}`);
  return { perSecond, ...times };
}
