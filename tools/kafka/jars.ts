/** Kafka's jars: from Maven Central, once for all test runs of this checkout. */
import { join, resolve } from "node:path";
import { jarsFromMaven } from "../maven.ts";

/** 4.4.0 is on Maven Central without all of its parts. */
export const KAFKA_VERSION = "4.3.1";

/** Where brokers and what they run from are kept: SIDESTREAM_BROKERS, else `.brokers` at the root of the repository. */
export function brokersFolder(): string {
  return resolve(process.env["SIDESTREAM_BROKERS"] ?? join(import.meta.dirname, "../../.brokers"));
}

/**
 * The class path of Kafka. Downloads it when it is not there yet.
 *
 * @throws Error that names the commands this machine lacks, or tells what Maven said.
 */
export async function kafkaClassPath(): Promise<string> {
  const folder = join(brokersFolder(), `kafka-${KAFKA_VERSION}`);
  await jarsFromMaven({
    name: `Kafka ${KAFKA_VERSION}`,
    folder,
    pom: join(import.meta.dirname, "pom.xml"),
    properties: { "kafka.version": KAFKA_VERSION },
    commands: ["java", "openssl"],
  });
  return join(folder, "*");
}

/**
 * Java's arguments before the name of the class to run.
 *
 * It is there sooner with one collector thread and the first of its compilers only; tests need no more of it.
 */
export function javaArguments(classPath: string): readonly string[] {
  const logging = join(import.meta.dirname, "log4j2.properties");
  return ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", `-Dlog4j2.configurationFile=${logging}`, "-cp", classPath];
}
