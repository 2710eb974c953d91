/**
 * The destinations that `--to` names: `file:DIR`, `stdout:`, `kafka://HOST:PORT,HOST:PORT/TOPIC`.
 *
 * Promise: each fault is told at its place in the flag, and nothing of a password is repeated.
 */
import { destinationDriver } from "../driver/registry.ts";
import { parseTargets, RuleSyntaxError } from "../flow/match/parse.ts";
import type { Template } from "../flow/match/rule.ts";
import { didYouMean } from "../flow/match/suggest.ts";
import type { DestinationSettings } from "../flow/settings.ts";
import type { Findings } from "./finding.ts";
import { checkFlagOptions, type FlagFault, tellFlag } from "./flag-findings.ts";
import { LATER_DESTINATION_TYPES } from "./not-available.ts";
import { destinationCommonSchema } from "./schema.ts";

/** Name of the first destination; the others are `out2`, `out3`. */
export const QUICK_DESTINATION = "out";
/** Topic of messages whose rule and destination name none. */
export const QUICK_TOPIC = "events";

export interface QuickDestination {
  readonly settings: DestinationSettings;
  /** Topic of messages whose rule names none. */
  readonly topic: Template;
}

interface Parts {
  readonly options: Readonly<Record<string, unknown>>;
  readonly topic: Template;
}

type TellTo = (problem: string, fault?: FlagFault) => void;

const EXPECTED = "expected file:DIR, stdout: or kafka://HOST:PORT/TOPIC";
const HINT = "Use file:DIR, stdout: or kafka://HOST:PORT/TOPIC.";
const KAFKA = "kafka://";
/** Also names with underscores, which resolvers of containers give. */
const BROKER = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):(\d{1,5})$/;
const PORT_MAX = 65_535;
/** What no topic holds, braces of templates aside. */
const NOT_IN_TOPIC = /[^A-Za-z0-9._{}-]/u;

const TOPIC_HINT = "A topic has letters, digits, dots, dashes and underscores.";

/** What stands behind the type and its colon, by type; null when it has a fault, which was told. */
const READERS: Readonly<Record<string, (target: string, tell: TellTo) => Parts | null>> = {
  file: readFile,
  stdout: readStdout,
  kafka: readKafka,
};

/**
 * Reads every `--to`; those with a fault are left out.
 *
 * @param flag - What faults are told of.
 */
export function readDestinations(targets: readonly string[], findings: Findings, flag = "--to"): readonly QuickDestination[] {
  return targets.flatMap((target, index) => {
    const read = readDestination(target, index === 0 ? QUICK_DESTINATION : `${QUICK_DESTINATION}${index + 1}`, findings, flag);
    return read === null ? [] : [read];
  });
}

function readDestination(target: string, name: string, findings: Findings, flag: string): QuickDestination | null {
  const tell: TellTo = (problem, fault) => tellFlag(findings, flag, problem, fault);
  const [type = ""] = target.split(":", 1);
  const reader = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (reader === undefined) {
    if (LATER_DESTINATION_TYPES.includes(type)) tell(`destination type ${type}: not available yet`, { hint: HINT, later: true });
    else tell(`${EXPECTED}${didYouMean(type, Object.keys(READERS))}`);
    return null;
  }
  const parts = reader(target, tell);
  if (parts === null) return null;
  const options = checkFlagOptions(destinationDriver(type)?.options, parts.options, () => flag, findings);
  if (options === undefined) return null;
  const { spool, deadLetters, inFlightMax, maxRate } = destinationCommonSchema.parse({ type });
  const settings: DestinationSettings = {
    name,
    type,
    options: options.value,
    spool,
    deadLetters: { keepMs: deadLetters.keep, bytesMax: deadLetters.bytesMax },
    inFlightMax,
    maxRate,
    dormant: null,
  };
  return { settings, topic: parts.topic };
}

function readFile(target: string, tell: TellTo): Parts | null {
  const path = target.slice("file:".length);
  if (path !== "") return { options: { path }, topic: [QUICK_TOPIC] };
  tell("expected a folder after file:", { offset: "file:".length });
  return null;
}

function readStdout(target: string, tell: TellTo): Parts | null {
  if (target === "stdout" || target === "stdout:") return { options: {}, topic: [QUICK_TOPIC] };
  tell("nothing may follow stdout:", { offset: "stdout:".length });
  return null;
}

function readKafka(target: string, tell: TellTo): Parts | null {
  if (!target.startsWith(KAFKA)) {
    tell("expected kafka://HOST:PORT/TOPIC", { offset: "kafka".length });
    return null;
  }
  const slash = target.indexOf("/", KAFKA.length);
  const hosts = target.slice(KAFKA.length, slash === -1 ? undefined : slash);
  // A password may hold slashes and commas, so it is looked for before anything of it could be told.
  if (target.includes("@")) {
    tell("user and password can't be given here: everyone on this machine can read them in the list of processes", {
      offset: KAFKA.length,
      hint: "Use a configuration file: `login` takes them, the password as ${env:NAME} or ${file:PATH}.",
    });
    return null;
  }
  const brokers = readBrokers(hosts, tell);
  const topic = readTopic(target, slash, tell);
  return brokers === null || topic === null ? null : { options: { brokers }, topic };
}

function readBrokers(hosts: string, tell: TellTo): readonly string[] | null {
  let offset = KAFKA.length;
  let isWhole = true;
  const brokers = hosts.split(",");
  for (const broker of brokers) {
    const port = Number(BROKER.exec(broker)?.[1] ?? 0);
    if (port < 1 || port > PORT_MAX) {
      tell("expected HOST:PORT, such as localhost:9092 or [::1]:9092", { offset, ...portHint(broker) });
      isWhole = false;
    }
    offset += broker.length + 1;
  }
  return isWhole ? brokers : null;
}

/** The two slips that are made most often. */
function portHint(broker: string): { hint?: string } {
  if (/^[A-Za-z0-9.-]+$/.test(broker)) return { hint: `The port is missing; Kafka's own is 9092: ${broker}:9092` };
  const port = /:(\d+)$/.exec(broker)?.[1];
  if (port !== undefined && Number(port) > PORT_MAX) return { hint: `A port is at most ${PORT_MAX}.` };
  return broker.split(":").length > 2 ? { hint: "An IPv6 address stands in brackets: [::1]:9092" } : {};
}

function readTopic(target: string, slash: number, tell: TellTo): Template | null {
  const text = slash === -1 ? "" : target.slice(slash + 1);
  if (text === "") {
    tell("the topic is missing: expected kafka://HOST:PORT/TOPIC", {
      offset: target.length,
      hint: "It gets the messages whose rule names no topic.",
    });
    return null;
  }
  const from = slash + 1;
  const bad = text.search(NOT_IN_TOPIC);
  if (bad !== -1) {
    tell(`${String.fromCodePoint(text.codePointAt(bad) ?? 0)} can't stand in a topic`, { offset: from + bad, hint: TOPIC_HINT });
    return null;
  }
  const before = `${QUICK_DESTINATION}:`;
  try {
    return parseTargets(`${before}${text}`)[0]?.topic ?? null;
  } catch (error) {
    if (!(error instanceof RuleSyntaxError)) throw error;
    tell(error.problem, { offset: from + Math.max(0, error.offset - before.length), hint: TOPIC_HINT });
    return null;
  }
}
