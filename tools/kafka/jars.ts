/**
 * Gets Kafka's jars from Maven Central, once for all test runs of this checkout.
 *
 * Promise: the folder is either absent or complete. It is filled beside and renamed, under a lock that the kernel frees
 * when its holder ends, so that test processes may ask at the same time and be killed at any time.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** 4.4.0 is on Maven Central without all of its parts. */
export const KAFKA_VERSION = "4.3.1";

/** One download takes half a minute; a slow line and another process that holds the lock take longer. */
const DOWNLOAD_MS_MAX = 900_000;

/** Arguments: the folder to make, pom.xml, Kafka's version. What a killed run left half done is begun anew. */
const MAKE_FOLDER = `
set -eu
if [ -d "$1" ]; then exit 0; fi
rm -rf "$1.new"
mvn -q -B -f "$2" dependency:copy-dependencies -Dkafka.version="$3" -DoutputDirectory="$1.new" -DincludeScope=runtime
mv "$1.new" "$1"
`;

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
  const classPath = join(folder, "*");
  if (existsSync(folder)) {
    await needCommands(["java", "openssl"]);
    return classPath;
  }
  await needCommands(["java", "openssl", "mvn", "flock"]);
  mkdirSync(brokersFolder(), { recursive: true });
  const pom = join(import.meta.dirname, "pom.xml");
  try {
    await run("flock", [`${folder}.lock`, "sh", "-c", MAKE_FOLDER, "sh", folder, pom, KAFKA_VERSION], { timeout: DOWNLOAD_MS_MAX });
  } catch (cause) {
    const said = cause instanceof Error && "stdout" in cause ? String(cause.stdout).trim() : "";
    throw new Error(`the jars of Kafka ${KAFKA_VERSION} could not be had from Maven Central: ${said.slice(0, 1000)}`, { cause });
  }
  return classPath;
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

async function needCommands(commands: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const command of commands) {
    await run("sh", ["-c", 'command -v "$1"', "sh", command]).catch(() => missing.push(command));
  }
  if (missing.length > 0) throw new Error(`this machine lacks ${missing.join(", ")}`);
}
