/**
 * What is planned and not there yet: told by name at its place, never passed over in silence and never called unknown.
 */
import { formatPath } from "./finding.ts";
import { type CheckContext, valueAt } from "./check.ts";
import type { Path } from "./yaml-document.ts";

/** Source types that later releases have. */
export const LATER_SOURCE_TYPES: readonly string[] = ["clock", "ingest", "journal", "okapi-filter", "system"];

/** Destination types that later releases have. */
export const LATER_DESTINATION_TYPES: readonly string[] = [
  "amqp",
  "http",
  "mqtt",
  "nats",
  "postgres",
  "prometheus",
  "rabbitmq",
  "rabbitmq-streams",
  "redis",
  "stomp",
  "webhook",
];

const LATER_PLATFORMS: readonly string[] = ["okapi", "eureka"];
const LATER_FORMATS: readonly string[] = ["protobuf", "folio-domain-event", "raw"];
export const LATER_CAPTURES: readonly string[] = ["write-ahead"];

/** Tells that something is not available yet; returns the place, so that no other fault is told there. */
export function tellNotAvailable(context: CheckContext, path: Path, problem: string, hint?: string): string {
  context.findings.add({
    severity: "error",
    code: "SST_NOT_AVAILABLE",
    file: context.document.file,
    ...context.document.place(path),
    path: formatPath(path),
    problem: `${problem}: not available yet`,
    ...(hint === undefined ? {} : { hint }),
  });
  return formatPath(path);
}

/** Looks through a configuration. @returns The places told. */
export function laterInConfiguration(value: unknown, context: CheckContext): ReadonlySet<string> {
  const told = new Set<string>();
  if (hasEntries(valueAt(value, ["policies"]))) {
    told.add(tellNotAvailable(context, ["policies"], "policies", "Write `ignore` rules and `redact` into each descriptor."));
  }
  if (hasEntries(valueAt(value, ["targetSets"]))) {
    told.add(tellNotAvailable(context, ["targetSets"], "target sets", "Write one rule for each target."));
  }
  const sources = valueAt(value, ["sources"]);
  if (typeof sources !== "object" || sources === null) return told;
  for (const [name, source] of Object.entries(sources)) {
    const platform: unknown = valueAt(source, ["platform", "type"]);
    if (typeof platform === "string" && LATER_PLATFORMS.includes(platform)) {
      told.add(
        tellNotAvailable(
          context,
          ["sources", name, "platform", "type"],
          `platform ${platform}`,
          "Use `static`, with routes in the configuration, or `none`.",
        ),
      );
      told.add(formatPath(["sources", name, "platform"]));
    }
    laterCaptures(source, ["sources", name], context, told);
  }
  return told;
}

/** `capture: write-ahead` may stand in a source or in any of its routes. */
function laterCaptures(value: unknown, path: Path, context: CheckContext, told: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    if (key === "capture" && typeof member === "string" && LATER_CAPTURES.includes(member)) {
      told.add(tellNotAvailable(context, at, `capture ${member}`, "Use `durable`: the answer is released after the messages are on disk."));
    } else laterCaptures(member, at, context, told);
  }
}

/** Looks through a descriptor. @returns The places told. */
export function laterInDescriptor(value: unknown, context: CheckContext): ReadonlySet<string> {
  const told = new Set<string>();
  const format = valueAt(value, ["format"]);
  if (typeof format === "string" && LATER_FORMATS.includes(format))
    told.add(tellNotAvailable(context, ["format"], `format ${format}`, "Use `cloudevents`, `cloudevents-binary` or `acapy`."));
  return told;
}

function hasEntries(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}
