/**
 * The topic that `sidestream verify` reads: `kafka://HOST:PORT,HOST:PORT/TOPIC`, `file:DIR/TOPIC`, or, with a
 * configuration, `DESTINATION:TOPIC`. With an address, a configuration tells the data folder alone.
 *
 * Promise: no password is taken on the command line; faults are told at their place.
 */
import { Findings } from "../../config/finding.ts";
import { tellFlag } from "../../config/flag-findings.ts";
import { loadConfiguration } from "../../config/load.ts";
import { readDestinations } from "../../config/quick-destinations.ts";
import type { Environment } from "../../config/secrets.ts";
import { destinationDriver } from "../../driver/registry.ts";
import type { DestinationDriver } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import { destinationOf } from "../spool-running.ts";

export interface VerifyTarget {
  readonly type: string;
  readonly options: unknown;
  readonly topic: string;
  readonly read: NonNullable<DestinationDriver["read"]>;
  /** The data folder that the configuration names; null without one. */
  readonly dataFolder: string | null;
  /** Whether a log of that data folder is the destination's that has the topic; null: it can't be told. */
  readonly isOurs: (log: string) => boolean | null;
}

const ARGUMENT = "TARGET";
const FORMS = "kafka://HOST:PORT/TOPIC, file:DIR/TOPIC or, with --config, DESTINATION:TOPIC";

/**
 * @param config - Configuration file; null: none was named.
 * @throws ConfigurationError for an address that is none; SidestreamError `SST_COMMAND_INVALID` for an unknown destination,
 * or one that can't be read; as `loadConfiguration`.
 */
export async function readTarget(text: string, config: string | null, environment: Environment): Promise<VerifyTarget> {
  if (config === null) return { ...addressed(text), dataFolder: null, isOurs: () => null };
  const named = isAddress(text) ? null : nameAndTopic(text);
  const loaded = await loadConfiguration(config, { environment });
  const { dataFolder, destinations } = loaded.settings;
  if (named === null) {
    const target = addressed(text);
    const isOurs = (log: string) => (destinations.some(({ name, type }) => name === log && type !== target.type) ? false : null);
    return { ...target, dataFolder, isOurs };
  }
  const { type, options } = destinationOf(loaded, named.name);
  const isOurs = (log: string) => log === named.name || (destinations.some(({ name }) => name === log) ? false : null);
  return { type, options, topic: named.topic, read: readerOf(type), dataFolder, isOurs };
}

/** A destination may be called `file` or `kafka`; no topic has a slash. */
function isAddress(text: string): boolean {
  return text.startsWith("kafka://") || (text.startsWith("file:") && text.includes("/"));
}

function nameAndTopic(text: string): { readonly name: string; readonly topic: string } {
  const colon = text.indexOf(":");
  const [name, topic] = [text.slice(0, colon), text.slice(colon + 1)];
  if (colon < 1 || topic === "" || topic.startsWith("//"))
    throw new SidestreamError("SST_COMMAND_INVALID", `${ARGUMENT}: expected ${FORMS}, found ${shown(text)}`);
  return { name, topic };
}

function addressed(text: string): Omit<VerifyTarget, "dataFolder" | "isOurs"> {
  const findings = new Findings();
  const slash = text.startsWith("file:") ? text.lastIndexOf("/") : -1;
  if (text.startsWith("file:") && slash === -1) tellFlag(findings, ARGUMENT, "expected file:DIR/TOPIC", { offset: text.length });
  else if (!text.startsWith("file:") && !text.startsWith("kafka:"))
    tellFlag(findings, ARGUMENT, `expected ${FORMS}`, { hint: "Name the configuration that has the destination with --config." });
  findings.throwErrors();
  const [destination] = readDestinations([slash === -1 ? text : text.slice(0, slash)], findings, ARGUMENT);
  const topic = slash === -1 ? (destination?.topic ?? []).map((part) => (typeof part === "string" ? part : null)) : [text.slice(slash + 1)];
  if (topic.includes(null)) tellFlag(findings, ARGUMENT, "expected one topic, without places such as {tenant}");
  else if (topic.join("") === "" && findings.errorCount === 0)
    tellFlag(findings, ARGUMENT, "the topic is missing", { offset: text.length });
  findings.throwErrors();
  // Without an error there is one: what has none is told.
  const { type, options } = (destination as NonNullable<typeof destination>).settings;
  return { type, options, topic: topic.join(""), read: readerOf(type) };
}

function readerOf(type: string): VerifyTarget["read"] {
  const driver = destinationDriver(type);
  if (driver?.read === undefined)
    throw new SidestreamError("SST_COMMAND_INVALID", `${ARGUMENT}: a destination of type ${type} can't be read back`);
  return driver.read.bind(driver);
}

/** What may hold a password isn't repeated. */
function shown(text: string): string {
  return text.includes("@") ? "an address with a user in it" : JSON.stringify(text.slice(0, 200));
}
