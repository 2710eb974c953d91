/** Sources and destinations: their common keys by our schema, all others by their driver's. */
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { destinationDriver, destinationTypes, sourceDriver, sourceTypes } from "../driver/registry.ts";
import type { DestinationSettings, PlatformSettings, SourceSettings } from "../flow/settings.ts";
import { didYouMean } from "../flow/match/suggest.ts";
import { check, type CheckContext, oneOf } from "./check.ts";
import { formatPath } from "./finding.ts";
import { LATER_DESTINATION_TYPES, LATER_SOURCE_TYPES, tellNotAvailable } from "./not-available.ts";
import { keysAt } from "./schema-keys.ts";
import { CONNECTIONS_MAX, destinationCommonSchema, type PlatformOptions, sourceCommonSchema, splitOptions } from "./schema.ts";
import type { Path } from "./yaml-document.ts";

/** Every source that is in order. */
export function checkSources(value: unknown, context: CheckContext): readonly SourceSettings[] {
  const settings: SourceSettings[] = [];
  for (const [name, entry] of entriesOf(value)) {
    const path = ["sources", name];
    const driver = sourceDriver(entry.type);
    if (driver === undefined) {
      tellUnknownType(entry.type, path, "source", sourceTypes(), LATER_SOURCE_TYPES, context);
      continue;
    }
    const { common, options } = checkEntry(entry, sourceCommonSchema, driver.options, path, context);
    if (driver.carriesTraffic !== true && entry["platform"] !== undefined) {
      const place = context.document.placeOfKey([...path, "platform"]);
      context.findings.add({
        severity: "error",
        code: "SST_CONFIG_INVALID",
        file: context.document.file,
        ...place,
        path: formatPath(path),
        problem: `a source of type ${entry.type} knows its tenants itself and takes no platform`,
        hint: "Use `tenant` for the events that name none.",
      });
      continue;
    }
    if (common === undefined || options === undefined) continue;
    const platform =
      driver.carriesTraffic === true ? platformSettings(common.platform ?? { type: "none", tenant: {} }, common.tenant) : null;
    const resolved = withPaths(options.value, driver.paths ?? [], dirname(context.document.file));
    if (driver.caution !== undefined) tell("warning", [...path, "type"], driver.caution, context);
    tellShared(driver.soleOption, { name, type: entry.type, options: resolved }, settings, context);
    settings.push({ name, type: entry.type, platform, defaultTenant: common.tenant, options: resolved });
  }
  return settings;
}

/** Tells of an earlier source that has what only one may have. */
function tellShared(
  option: string | undefined,
  source: Pick<SourceSettings, "name" | "type" | "options">,
  earlier: readonly SourceSettings[],
  context: CheckContext,
): void {
  if (option === undefined) return;
  const valueOf = (options: unknown): unknown => (options as Readonly<Record<string, unknown>>)[option];
  const other = earlier.find(({ type, options }) => type === source.type && valueOf(options) === valueOf(source.options));
  if (other !== undefined) tell("error", ["sources", source.name, option], `source ${other.name} has the same, and only one can`, context);
}

function tell(severity: "error" | "warning", path: Path, problem: string, { document, findings }: CheckContext): void {
  findings.add({ severity, code: "SST_CONFIG_INVALID", file: document.file, ...document.place(path), path: formatPath(path), problem });
}

/** Every destination that is in order. */
export function checkDestinations(value: unknown, context: CheckContext): readonly DestinationSettings[] {
  const settings: DestinationSettings[] = [];
  for (const [name, entry] of entriesOf(value)) {
    const path = ["destinations", name];
    if (name === "all") {
      context.findings.add({
        severity: "error",
        code: "SST_CONFIG_INVALID",
        file: context.document.file,
        ...context.document.placeOfKey(path),
        path: "destinations",
        problem: "a destination can't be named all: in a rule that word means every destination",
      });
      continue;
    }
    const driver = destinationDriver(entry.type);
    if (driver === undefined) {
      tellUnknownType(entry.type, path, "destination", destinationTypes(), LATER_DESTINATION_TYPES, context);
      continue;
    }
    const { common, options } = checkEntry(entry, destinationCommonSchema, driver.options, path, context);
    if (common === undefined || options === undefined) continue;
    const { spool, deadLetters, retain, memory, inFlightMax, maxRate, enabled } = common;
    settings.push({
      name,
      type: entry.type,
      options: withPaths(options.value, driver.paths ?? [], dirname(context.document.file)),
      spool,
      deadLetters: { keepMs: deadLetters.keep, bytesMax: deadLetters.bytesMax },
      retain: retain === null ? null : { keepMs: retain.keep, bytesMax: retain.bytesMax },
      memory,
      inFlightMax,
      maxRate,
      dormant: enabled ? null : "switched off by `enabled: false`",
    });
  }
  return settings;
}

/** Paths among a driver's options, made absolute from the folder that they are relative to; `tls.ca` is a key inside. */
function withPaths(options: unknown, names: readonly string[], folder: string): unknown {
  return names.reduce((resolved, name) => withPath(resolved, name.split("."), folder), options);
}

/** The value with one path in it made absolute; what has no such key, or no text there, stays as it is. */
function withPath(value: unknown, [step, ...below]: readonly string[], folder: string): unknown {
  if (step === undefined) return typeof value === "string" ? resolve(folder, value) : value;
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return value;
  return { ...value, [step]: withPath((value as Record<string, unknown>)[step], below, folder) };
}

type Entry = Readonly<Record<string, unknown>> & { readonly type: string };

/** Entries that have a type; what has none was told by the schema of the whole file. */
function entriesOf(value: unknown): readonly (readonly [string, Entry])[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value)
    .slice(0, CONNECTIONS_MAX)
    .filter(
      (entry): entry is [string, Entry] =>
        typeof entry[1] === "object" && entry[1] !== null && "type" in entry[1] && typeof entry[1].type === "string",
    );
}

function checkEntry<Common extends z.ZodObject>(
  entry: Entry,
  common: Common,
  own: z.ZodType,
  path: Path,
  context: CheckContext,
): { common: z.output<Common> | undefined; options: { value: unknown } | undefined } {
  const split = splitOptions(entry, common);
  const before = context.findings.errorCount;
  const options: unknown = check(own, split.own, path, { ...context, keysBeside: Object.keys(common.shape) });
  const driverFaults = context.findings.errorCount - before;
  return {
    common: check(common, split.common, path, { ...context, keysBeside: keysAt(own, []) }),
    options: driverFaults > 0 ? undefined : { value: options },
  };
}

function tellUnknownType(
  type: string,
  path: Path,
  what: string,
  known: readonly string[],
  later: readonly string[],
  context: CheckContext,
): void {
  const at = [...path, "type"];
  if (later.includes(type)) {
    tellNotAvailable(context, at, `${what} type ${type}`, known.length === 0 ? undefined : `This release has ${oneOf(known)}.`);
    return;
  }
  const problem = `no such ${what} type; this release has ${known.length === 0 ? "none" : oneOf(known)}${didYouMean(type, known) || didYouMean(type, later)}`;
  tell("error", at, context.resolved?.conceal(problem, at) ?? problem, context);
}

/** What the identify stage is told; `tenant` is the source's own. */
function platformSettings(options: PlatformOptions, tenant: string): PlatformSettings {
  if (options.type === "none") {
    return { type: "none", tenant: { header: options.tenant.header?.toLowerCase() ?? null, default: options.tenant.default ?? tenant } };
  }
  return {
    type: "static",
    tenant: options.tenant.map((from) => {
      if ("header" in from) return { from: "header", name: from.header.toLowerCase() } as const;
      if ("tokenClaim" in from) return { from: "tokenClaim", claim: from.tokenClaim } as const;
      if ("host" in from) return { from: "host", pattern: from.host } as const;
      return { from: "path", pattern: from.path } as const;
    }),
    defaultTenant: options.defaultTenant === undefined ? tenant : options.defaultTenant,
    routes: options.routes.map(withoutAbsent),
  };
}

/** Leaves out keys without a value: absent and undefined are not the same to who reads them. */
function withoutAbsent<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
