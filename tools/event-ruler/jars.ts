/** event-ruler's jars: from Maven Central, once for all runs of this checkout. */
import { join } from "node:path";
import { jarsFromMaven } from "../maven.ts";

export const EVENT_RULER_VERSION = "1.8.1";

/** Where programs that ours is compared with are kept. */
export const PEERS_FOLDER = join(import.meta.dirname, "../../.peers");

/**
 * The class path of event-ruler. Downloads it when it is not there yet.
 *
 * @throws Error that names the commands this machine lacks, or tells what Maven said.
 */
export async function eventRulerClassPath(): Promise<string> {
  const folder = join(PEERS_FOLDER, `event-ruler-${EVENT_RULER_VERSION}`);
  await jarsFromMaven({
    name: `event-ruler ${EVENT_RULER_VERSION}`,
    folder,
    pom: join(import.meta.dirname, "pom.xml"),
    properties: { "event-ruler.version": EVENT_RULER_VERSION },
    // The compiler of a JDK; a JRE has only java.
    commands: ["java", "javac"],
  });
  return join(folder, "*");
}
