/**
 * The form without a file: `sidestream run --listen :9130 --upstream http://host --to file:DIR --rule 'METHOD=POST'`.
 *
 * Promise: the same checks and the same errors as for files, with the flag as the place: `--rule:1:5`.
 */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { type ListenAddress, readListenAddress } from "../driver/listen-address.ts";
import { sourceDriver } from "../driver/registry.ts";
import { parseCriteria, parseRule, RuleSyntaxError, type RuleWarning } from "../flow/match/parse.ts";
import type { Rule, Target } from "../flow/match/rule.ts";
import { didYouMean } from "../flow/match/suggest.ts";
import {
  DELIVERIES,
  type Delivery,
  type FlowSettings,
  type RuleSettings,
  type SourceSettings,
  type StreamSettings,
} from "../flow/settings.ts";
import { deliveryFaults } from "./deliveries.ts";
import { Findings } from "./finding.ts";
import { checkFlagOptions, tellFlag } from "./flag-findings.ts";
import { hostInstance, type Loaded } from "./load.ts";
import { LATER_CAPTURES } from "./not-available.ts";
import { QUICK_DESTINATION, type QuickDestination, readDestinations } from "./quick-destinations.ts";
import { configurationSchema } from "./schema.ts";
import { streamSchema } from "./stream-schema.ts";

export interface QuickFlags {
  readonly listen: string;
  readonly upstream: string;
  /** `file:DIR`, `stdout:` or `kafka://HOST:PORT/TOPIC`; several get every message. Default: `stdout:`. */
  readonly to?: readonly string[] | undefined;
  /** Criteria alone, or whole rules. Default: everything. */
  readonly rule?: readonly string[] | undefined;
  /** The data folder. Default: ./sidestream-data. */
  readonly spool?: string | undefined;
  readonly capture?: string | undefined;
  readonly delivery?: string | undefined;
  /** Address, or `off`. */
  readonly health?: string | undefined;
}

/** The header that is believed when it names a tenant. Whoever starts the program this way is told so. */
export const QUICK_TENANT_HEADER = "x-okapi-tenant";
export const QUICK_DATA_FOLDER = "./sidestream-data";
/** Id of the one stream. */
export const QUICK_STREAM = "events";

const QUICK_SOURCE = "gateway";
/** Stands for a topic that a rule doesn't name: nobody can write it, since it is no topic. */
const NO_TOPIC = ".";
const HEALTH_OFF = ["off", "false"];

/**
 * Makes the configuration that the flags stand for; everything is published where there is no rule.
 *
 * @throws ConfigurationError with every flag that is wrong.
 */
export function quickConfiguration(flags: QuickFlags): Loaded {
  const findings = new Findings();
  const destinations = readDestinations(flags.to ?? ["stdout:"], findings);
  const source = readSource(flags, findings);
  const rules = readRules(flags.rule ?? [], destinations, findings);
  const health = readHealth(flags.health, findings);
  const delivery = readDelivery(flags, findings);
  if (flags.spool === "") tellFlag(findings, "--spool", "expected the path of a folder");
  findings.throwErrors();

  const defaults = configurationSchema.parse({ version: 1 });
  const settings: FlowSettings = {
    instance: hostInstance(hostname()),
    env: defaults.env,
    dataFolder: resolve(flags.spool ?? QUICK_DATA_FOLDER),
    // Without an error there is a source: what has none is told.
    sources: [source as SourceSettings],
    streams: [streamOf(rules, flags.rule ?? [], delivery)],
    destinations: destinations.map((destination) => destination.settings),
    limits: defaults.limits,
  };
  for (const stream of settings.streams)
    for (const { problem, ...fault } of deliveryFaults(stream, settings)) tellFlag(findings, "--delivery", problem, fault);
  findings.throwErrors();
  return {
    settings,
    enabled: true,
    health,
    warnings: findings.warnings(),
    dormant: [],
    files: [],
  };
}

function readSource({ listen, upstream, capture }: QuickFlags, findings: Findings): SourceSettings | undefined {
  if (capture !== undefined && LATER_CAPTURES.includes(capture)) {
    tellFlag(findings, "--capture", `capture ${capture}: not available yet`, { hint: "Use durable or best-effort.", later: true });
  }
  const later = capture !== undefined && LATER_CAPTURES.includes(capture);
  const options = checkFlagOptions(
    sourceDriver("gateway")?.options,
    { listen, upstream, ...(capture === undefined || later ? {} : { capture }) },
    (path) => `--${path}`,
    findings,
  );
  if (options === undefined) return undefined;
  return {
    name: QUICK_SOURCE,
    type: "gateway",
    platform: { type: "none", tenant: { header: QUICK_TENANT_HEADER, default: "default" } },
    defaultTenant: "default",
    options: options.value,
  };
}

/** The rules with their targets turned to every destination there is. */
function readRules(texts: readonly string[], destinations: readonly QuickDestination[], findings: Findings): readonly RuleSettings[] {
  const toAll = (named: Target["topic"]): readonly Target[] =>
    destinations.map(({ settings, topic }) => ({ destination: settings.name, topic: named[0] === NO_TOPIC ? topic : named }));
  if (texts.length === 0) {
    // Every event has a type, so this holds for all of them.
    const everything = { kind: "present", attribute: { kind: "word", word: "EVENTTYPE" } } as const;
    return [{ number: 1, criteria: everything, action: "publish", targets: toAll([NO_TOPIC]) }];
  }
  return texts.flatMap((text, index): RuleSettings[] => {
    const parsed = readRule(text, findings);
    if (parsed === undefined) return [];
    const [target] = parsed.targets;
    return [{ ...parsed, targets: target === undefined ? [] : toAll(target.topic), number: index + 1 }];
  });
}

/** Criteria alone are published; the name of the destination in a whole rule stands for whatever `--to` says. */
function readRule(text: string, findings: Findings): Rule | undefined {
  const alone = attempt(() => parseCriteria(text));
  if (!(alone instanceof RuleSyntaxError)) {
    warn(alone.warnings, findings);
    return { criteria: alone.criteria, action: "publish", targets: [{ destination: QUICK_DESTINATION, topic: [NO_TOPIC] }] };
  }
  const whole = attempt(() => parseRule(text, { topicDefault: NO_TOPIC }));
  if (!(whole instanceof RuleSyntaxError)) {
    warn(whole.warnings, findings);
    return whole.rule;
  }
  // The one that got further is nearer to what was meant.
  const { code, line, column, problem, excerpt, hint } = whole.offset > alone.offset ? whole : alone;
  findings.add({ severity: "error", code, file: "--rule", line, column, path: "", problem, excerpt, hint });
  return undefined;
}

function attempt<Result>(parse: () => Result): Result | RuleSyntaxError {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RuleSyntaxError) return error;
    throw error;
  }
}

function warn(warnings: readonly RuleWarning[], findings: Findings): void {
  for (const { line, column, problem } of warnings)
    findings.add({ severity: "warning", code: "SST_RULE_INVALID", file: "--rule", line, column, path: "", problem });
}

function readDelivery({ delivery = "at-least-once" }: QuickFlags, findings: Findings): Delivery {
  const found = DELIVERIES.find((each) => each === delivery);
  if (found === undefined) tellFlag(findings, "--delivery", `expected ${DELIVERIES.join(", ")}${didYouMean(delivery, DELIVERIES)}`);
  return found ?? "at-least-once";
}

function streamOf(rules: readonly RuleSettings[], texts: readonly string[], delivery: Delivery): StreamSettings {
  const { body } = streamSchema.parse({ stream: QUICK_STREAM, rules: ["EVENTTYPE , ignore"] });
  return {
    id: QUICK_STREAM,
    title: "Events of the command line's rules",
    revision: createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 12),
    tenants: "all",
    key: null,
    format: "cloudevents",
    delivery,
    headers: [],
    body: { bytesMax: body.limit, types: body.types },
    keep: null,
    redact: [],
    rules,
  };
}

function readHealth(text: string | undefined, findings: Findings): ListenAddress | null {
  const defaults = configurationSchema.parse({ version: 1 }).health;
  if (text === undefined) return defaults === false ? null : defaults.listen;
  if (HEALTH_OFF.includes(text)) return null;
  const address = readListenAddress(text);
  if (address === undefined) tellFlag(findings, "--health", "expected an address such as 127.0.0.1:9464, or off");
  return address ?? null;
}
