/**
 * The form without a file: `sidestream run --listen :9130 --upstream http://host --to file:DIR --rule 'METHOD=POST'`.
 *
 * Promise: the same checks and the same errors as for files, with the flag as the place: `--rule:1:5`.
 */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import type { z } from "zod";
import { type ListenAddress, readListenAddress } from "../driver/listen-address.ts";
import { destinationDriver, sourceDriver } from "../driver/registry.ts";
import { parseCriteria, parseRule, RuleSyntaxError, type RuleWarning } from "../flow/match/parse.ts";
import type { Rule, Template } from "../flow/match/rule.ts";
import { didYouMean } from "../flow/match/suggest.ts";
import type { DestinationSettings, RuleSettings, SourceSettings, StreamSettings } from "../flow/settings.ts";
import { Findings } from "./finding.ts";
import { hostInstance, type Loaded } from "./load.ts";
import { LATER_CAPTURES, LATER_DELIVERIES, LATER_DESTINATION_TYPES } from "./not-available.ts";
import { configurationSchema, destinationCommonSchema } from "./schema.ts";
import { streamSchema } from "./stream-schema.ts";

export interface QuickFlags {
  readonly listen: string;
  readonly upstream: string;
  /** `file:DIR` or `stdout:`; several get every message. Default: `stdout:`. */
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
/** Id of the one stream, and the topic of messages whose rule names none. */
export const QUICK_STREAM = "events";

const QUICK_SOURCE = "gateway";
const QUICK_DESTINATION = "out";
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
  const rules = readRules(
    flags.rule ?? [],
    destinations.map(({ name }) => name),
    findings,
  );
  const health = readHealth(flags.health, findings);
  const { delivery = "at-least-once" } = flags;
  if (LATER_DELIVERIES.includes(delivery))
    tell(findings, "--delivery", `delivery ${delivery}: not available yet`, { hint: "Use at-least-once.", later: true });
  else if (delivery !== "at-least-once")
    tell(findings, "--delivery", `expected at-least-once${didYouMean(delivery, ["at-least-once", ...LATER_DELIVERIES])}`);
  if (flags.spool === "") tell(findings, "--spool", "expected the path of a folder");
  findings.throwErrors();

  const defaults = configurationSchema.parse({ version: 1 });
  return {
    settings: {
      instance: hostInstance(hostname()),
      env: defaults.env,
      dataFolder: resolve(flags.spool ?? QUICK_DATA_FOLDER),
      // Without an error there is a source: what has none is told.
      sources: [source as SourceSettings],
      streams: [streamOf(rules, flags.rule ?? [])],
      destinations,
      limits: defaults.limits,
    },
    enabled: true,
    health,
    warnings: findings.warnings(),
    dormant: [],
    files: [],
  };
}

interface Telling {
  readonly hint?: string;
  readonly offset?: number;
  readonly later?: boolean;
}

function tell(findings: Findings, flag: string, problem: string, { hint, offset = 0, later = false }: Telling = {}): void {
  const code = later ? "SST_NOT_AVAILABLE" : "SST_CONFIG_INVALID";
  findings.add({
    severity: "error",
    code,
    file: flag,
    line: 1,
    column: offset + 1,
    path: "",
    problem,
    ...(hint === undefined ? {} : { hint }),
  });
}

function readSource({ listen, upstream, capture }: QuickFlags, findings: Findings): SourceSettings | undefined {
  if (capture !== undefined && LATER_CAPTURES.includes(capture)) {
    tell(findings, "--capture", `capture ${capture}: not available yet`, { hint: "Use durable or best-effort.", later: true });
  }
  const later = capture !== undefined && LATER_CAPTURES.includes(capture);
  const options = checkOptions(
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

function checkOptions(
  schema: z.ZodType | undefined,
  value: Readonly<Record<string, unknown>>,
  flagOf: (path: string) => string,
  findings: Findings,
): { value: unknown } | undefined {
  if (schema === undefined) throw new Error("the built-in drivers are not registered");
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data };
  for (const { path, message } of result.error.issues) tell(findings, flagOf(String(path[0] ?? "")), message);
  return undefined;
}

function readDestinations(targets: readonly string[], findings: Findings): readonly DestinationSettings[] {
  return targets.flatMap((target, index) =>
    readDestination(target, index === 0 ? QUICK_DESTINATION : `${QUICK_DESTINATION}${index + 1}`, findings),
  );
}

function readDestination(target: string, name: string, findings: Findings): readonly DestinationSettings[] {
  const colon = target.indexOf(":");
  const type = colon === -1 ? target : target.slice(0, colon);
  const rest = colon === -1 ? "" : target.slice(colon + 1);
  if (type !== "file" && type !== "stdout") {
    if (LATER_DESTINATION_TYPES.includes(type))
      tell(findings, "--to", `destination type ${type}: not available yet`, { hint: "Use file:DIR or stdout:.", later: true });
    else tell(findings, "--to", `expected file:DIR or stdout:${didYouMean(type, ["file", "stdout"])}`);
    return [];
  }
  if (type === "stdout" && rest !== "") tell(findings, "--to", "nothing may follow stdout:", { offset: "stdout:".length });
  if (type === "file" && rest === "") tell(findings, "--to", "expected a folder after file:", { offset: "file:".length });
  if ((type === "stdout") !== (rest === "")) return [];
  const options = checkOptions(destinationDriver(type)?.options, type === "file" ? { path: rest } : {}, () => "--to", findings);
  if (options === undefined) return [];
  const { spool, deadLetters, inFlightMax } = destinationCommonSchema.parse({ type });
  return [
    {
      name,
      type,
      options: options.value,
      spool,
      deadLetters: { keepMs: deadLetters.keep, bytesMax: deadLetters.bytesMax },
      inFlightMax,
      dormant: null,
    },
  ];
}

/** The rules with their targets turned to every destination there is. */
function readRules(texts: readonly string[], names: readonly string[], findings: Findings): readonly RuleSettings[] {
  const toAll = (topic: Template) => names.map((destination) => ({ destination, topic }));
  if (texts.length === 0) {
    // Every event has a type, so this holds for all of them.
    const everything = { kind: "present", attribute: { kind: "word", word: "EVENTTYPE" } } as const;
    return [{ number: 1, criteria: everything, action: "publish", targets: toAll([QUICK_STREAM]) }];
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
    return { criteria: alone.criteria, action: "publish", targets: [{ destination: QUICK_DESTINATION, topic: [QUICK_STREAM] }] };
  }
  const whole = attempt(() => parseRule(text, { topicDefault: QUICK_STREAM }));
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

function streamOf(rules: readonly RuleSettings[], texts: readonly string[]): StreamSettings {
  const { body } = streamSchema.parse({ stream: QUICK_STREAM, rules: ["EVENTTYPE , ignore"] });
  return {
    id: QUICK_STREAM,
    title: "Events of the command line's rules",
    revision: createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 12),
    tenants: "all",
    key: null,
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
  if (address === undefined) tell(findings, "--health", "expected an address such as 127.0.0.1:9464, or off");
  return address ?? null;
}
