/**
 * Loads the configuration with everything it names, and resolves it to what the flow is told to do.
 *
 * Promise: all errors at once, each at its place; what can't run now but is no error is dormant, with its reason.
 */
import { hostname } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { ListenAddress } from "../driver/listen-address.ts";
import type { FlowSettings } from "../flow/settings.ts";
import { dropOldestBytesMin, eventBytesMax, messagesBytesMax } from "../flow/spool-room.ts";
import { WINDOW_BYTES_MAX } from "../flow/transmit/window.ts";
import { type Assignments, NO_ASSIGNMENTS, readAssignments, warnOfUnknownStreams } from "./assignments.ts";
import { check, type CheckContext, valueAt } from "./check.ts";
import { exists, findDescriptors, readDescriptors } from "./descriptor-files.ts";
import { tellOfDeliveries } from "./deliveries.ts";
import { assignTenants, type Dormant, dormantParts } from "./dormant.ts";
import { checkDestinations, checkSources } from "./driver-options.ts";
import { type Finding, Findings } from "./finding.ts";
import { laterInConfiguration } from "./not-available.ts";
import { type Configuration, configurationSchema } from "./schema.ts";
import { type Environment, resolveSecrets } from "./secrets.ts";
import { readYaml } from "./yaml.ts";
import type { YamlDocument } from "./yaml-document.ts";

const MIB = 2 ** 20;
/** Fewer events of the largest size than this in a spool, and durable sources get no room while a few wait. */
const SPOOL_EVENTS_MIN = 8;

export interface Loaded {
  readonly settings: FlowSettings;
  /** False: forward, capture nothing. */
  readonly enabled: boolean;
  /** Where health checks and metrics are served; null: nowhere. A null host is every address of the machine. */
  readonly health: ListenAddress | null;
  readonly warnings: readonly Finding[];
  /** What is configured and doesn't run now. */
  readonly dormant: readonly Dormant[];
  /** Files that were read, the configuration first. */
  readonly files: readonly string[];
}

export interface LoadOptions {
  readonly environment: Environment;
}

/**
 * Loads a configuration.
 *
 * @param file - As the user named it; everything inside is relative to its folder.
 * @throws ConfigurationError `SST_CONFIG_INVALID`, or `SST_CONFIG_UNREADABLE` when nothing is wrong but that files
 * can't be read; `findings` holds every error.
 */
export async function loadConfiguration(file: string, options: LoadOptions): Promise<Loaded> {
  const findings = new Findings();
  const loaded = await inspectConfiguration(file, options, findings);
  findings.throwErrors();
  // Without an error there is a result: what has none is told.
  return { ...(loaded as Loaded), warnings: findings.warnings() };
}

/** As `loadConfiguration`, with errors and warnings among the findings. @returns Null when there is an error. */
export async function inspectConfiguration(file: string, options: LoadOptions, findings: Findings): Promise<Loaded | null> {
  const document = await readYaml(file, findings);
  return document === null ? null : inspectDocument(document, options, findings);
}

/** As `inspectConfiguration`, of a file that was read already. */
export async function inspectDocument(document: YamlDocument, { environment }: LoadOptions, findings: Findings): Promise<Loaded | null> {
  const before = findings.errorCount;
  const folder = dirname(document.file);
  const resolved = await resolveSecrets(document, folder, environment, findings);
  const context = { document, findings, resolved };
  const told = new Set([...laterInConfiguration(resolved.value, context), ...resolved.unfilled]);
  const configuration = check(configurationSchema, resolved.value, [], { ...context, told });
  // Each part is looked at even where another has an error, so that all errors are told at once.
  const sources = checkSources(valueAt(resolved.value, ["sources"]), { ...context, told });
  const destinations = checkDestinations(valueAt(resolved.value, ["destinations"]), { ...context, told });
  const files = await findDescriptors(patternsOf(resolved.value), folder, context);
  const described = await readDescriptors(files, findings);
  const dataFolder = resolve(folder, configuration?.data ?? ".");
  const { assignments, file: assignmentsFile } = await findAssignments(configuration, folder, dataFolder, context);
  if (configuration === undefined || findings.errorCount > before) return null;

  warnOfUnknownStreams(assignments, new Set(described.map(({ settings }) => settings.id)), findings);
  const streams = described.map((stream) => assignTenants(stream, assignments.tenants));
  const { health, limits, keepEvents } = configuration;
  const settings: FlowSettings = {
    instance: configuration.instance ?? hostInstance(hostname()),
    env: configuration.env,
    dataFolder,
    sources,
    streams,
    destinations,
    keepEvents: keepEvents === null ? null : { keepMs: keepEvents.keep, bytesMax: keepEvents.bytesMax },
    limits,
  };
  warnOfIdleParts(settings, configuration, document, findings);
  tellOfSmallSpools(settings, document, findings);
  tellOfDeliveries(settings, described, findings);
  for (const stream of described) warnOfLargeBodies(stream.document, stream.settings.body.bytesMax, limits.messageBytesMax, findings);
  if (findings.errorCount > before) return null;
  return {
    settings,
    enabled: configuration.enabled,
    health: health === false ? null : health.listen,
    warnings: findings.warnings(),
    dormant: dormantParts(settings, described),
    files: [document.file, ...files.map(({ file }) => file), ...(assignmentsFile === null ? [] : [assignmentsFile])],
  };
}

function patternsOf(value: unknown): readonly string[] {
  const patterns = valueAt(value, ["streams"]);
  return Array.isArray(patterns) ? patterns.filter((pattern): pattern is string => typeof pattern === "string" && pattern !== "") : [];
}

async function findAssignments(
  configuration: Configuration | undefined,
  folder: string,
  dataFolder: string,
  { findings, resolved }: CheckContext,
): Promise<{ assignments: Assignments; file: string | null }> {
  const named = configuration?.assignments;
  const file = named === undefined ? join(dataFolder, "assignments.yaml") : isAbsolute(named) ? named : join(folder, named);
  if (configuration === undefined || (named === undefined && !(await exists(file)))) return { assignments: NO_ASSIGNMENTS, file: null };
  const shown = resolved?.shown(file, [named === undefined ? "data" : "assignments"]) ?? file;
  return { assignments: await readAssignments(file, shown, findings), file };
}

/** The host's name as the name of an instance. */
export function hostInstance(host: string): string {
  const name = host
    .replaceAll(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 63);
  return name === "" ? "sidestream" : name;
}

function warnOfIdleParts(settings: FlowSettings, { enabled }: Configuration, document: YamlDocument, findings: Findings): void {
  const warn = (problem: string, hint: string): void => {
    findings.add({ severity: "warning", code: "SST_CONFIG_INVALID", file: document.file, ...document.place([]), path: "", problem, hint });
  };
  if (!enabled && !document.has(["enabled"]))
    warn(
      "`enabled` is not there, so the program only forwards and nothing is captured",
      "Write `enabled: true` to switch it on, `enabled: false` to silence this.",
    );
  if (settings.sources.length === 0) warn("there are no sources, so there are no events", "Add one under `sources`.");
  if (settings.streams.length === 0) warn("there are no streams, so nothing is captured", "Name descriptors under `streams`.");
}

/**
 * Durable requests and webhooks wait for room for the largest messages that one event can make. A log whose oldest
 * messages give way keeps room for them free: one that is too small for that would refuse them for good.
 */
function tellOfSmallSpools(settings: FlowSettings, document: YamlDocument, findings: Findings): void {
  const largest = eventBytesMax(settings);
  const tell = (name: string, severity: "error" | "warning", problem: string, neededBytes: number, orLower: string): void =>
    findings.add({
      severity,
      code: "SST_CONFIG_INVALID",
      file: document.file,
      ...document.place(["destinations", name, "spool", "bytesMax"]),
      path: `destinations.${name}.spool.bytesMax`,
      problem,
      hint: `Give it at least ${Math.ceil(neededBytes / MIB)}MiB, or lower \`${orLower}\`.`,
    });
  for (const { name, spool, inFlightMax } of settings.destinations) {
    const dropsOldest = spool.whenFull === "drop-oldest";
    const least = dropOldestBytesMin(largest);
    const heldBytes = dropsOldest ? Math.min(WINDOW_BYTES_MAX, inFlightMax * messagesBytesMax(settings, 1)) : 0;
    if (dropsOldest && spool.bytesMax < least) {
      const problem =
        "too small for `whenFull: drop-oldest`: half of it must be enough for two events of the largest size, else large ones are never taken";
      tell(name, "error", problem, least, "limits.messageBytesMax");
    } else if (spool.bytesMax < SPOOL_EVENTS_MIN * largest) {
      const problem = `fewer than ${SPOOL_EVENTS_MIN} events of the largest size fit: durable requests and webhooks may find no room`;
      tell(name, "warning", problem, SPOOL_EVENTS_MIN * largest, "limits.messageBytesMax");
    } else if (spool.bytesMax < least + heldBytes) {
      const problem = `messages that are being sent are not given up, and may take ${Math.ceil(heldBytes / MIB)}MiB of it: new ones may find no room while the destination is away`;
      tell(name, "warning", problem, least + heldBytes, `destinations.${name}.inFlightMax`);
    }
  }
}

function warnOfLargeBodies(document: YamlDocument, bodyBytesMax: number, messageBytesMax: number, findings: Findings): void {
  if (bodyBytesMax <= messageBytesMax || !document.has(["body", "limit"])) return;
  findings.add({
    severity: "warning",
    code: "SST_CONFIG_INVALID",
    file: document.file,
    ...document.place(["body", "limit"]),
    path: "body.limit",
    problem: `bodies are cut earlier than this: a message has at most ${messageBytesMax} bytes`,
    hint: "Raise `limits.messageBytesMax` in the configuration if the destination takes larger messages.",
  });
}
