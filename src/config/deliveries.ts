/**
 * Whether what streams ask to be promised can be kept.
 *
 * Promise: what no setting of the destination could keep is refused at its place. What is promised only from the spool on,
 * or until a log is full, is said; a destination that is dormant, or not there, is not judged.
 */
import { destinationDriver, sourceDriver } from "../driver/registry.ts";
import {
  deliveryOf,
  isShadow,
  type DestinationSettings,
  type FlowSettings,
  type RuleSettings,
  type StreamSettings,
} from "../flow/settings.ts";
import type { DescribedStream } from "./descriptor.ts";
import { type Findings, formatPath } from "./finding.ts";
import type { Path } from "./yaml-document.ts";

/** Routes named in a warning. */
const ROUTES_NAMED_MAX = 3;
const NOBODY_CAN = "No destination of this configuration can; one of type kafka can.";

export interface DeliveryFault {
  readonly severity: "error" | "warning";
  readonly problem: string;
  readonly hint: string;
}

interface RuleFault extends DeliveryFault {
  /** Null: it holds for the stream as a whole. */
  readonly rule: RuleSettings | null;
}

/** Tells of each descriptor what it asks for and can't get. */
export function tellOfDeliveries(settings: FlowSettings, described: readonly DescribedStream[], findings: Findings): void {
  for (const { settings: stream, document } of described) {
    const tell = (path: Path, { severity, problem, hint }: DeliveryFault): void =>
      findings.add({
        severity,
        code: "SST_CONFIG_INVALID",
        file: document.file,
        ...document.place(path),
        path: formatPath(path),
        problem,
        hint,
      });
    for (const { rule, ...fault } of faultsOf(stream, settings)) {
      const own = rule === null ? [] : ["rules", rule.number - 1, "delivery"];
      tell(rule !== null && document.has(own) ? own : ["delivery"], fault);
    }
  }
}

/** What a stream asks for and can't get, each said once. */
export function deliveryFaults(stream: StreamSettings, settings: FlowSettings): readonly DeliveryFault[] {
  return faultsOf(stream, settings).map(({ severity, problem, hint }) => ({ severity, problem, hint }));
}

function faultsOf(stream: StreamSettings, settings: FlowSettings): readonly RuleFault[] {
  // A shadow rule sends nothing, so nothing is promised: what stands in its way is told once it is live.
  const exact = stream.rules.filter((rule) => rule.action === "publish" && !isShadow(rule) && deliveryOf(stream, rule) === "exactly-once");
  const faults = new Map<string, RuleFault>();
  const add = (rule: RuleSettings | null, fault: DeliveryFault): void => {
    // What the stream asks for is said once for each destination, what a rule asks for once for each rule.
    const name = `${rule?.delivery === undefined ? "" : rule.number} ${fault.problem}`;
    if (!faults.has(name)) faults.set(name, { ...fault, rule: rule?.delivery === undefined ? null : rule });
  };
  const running = new Map(settings.destinations.filter(({ dormant }) => dormant === null).map((each) => [each.name, each]));
  for (const rule of exact)
    for (const { destination: name } of rule.targets) {
      const destination = running.get(name);
      if (destination === undefined) continue;
      if (!canRefuse(destination)) add(rule, cantRefuse(destination, settings));
      else if (destination.spool.whenFull === "drop-oldest") add(rule, givesUp(destination));
    }
  const firstThatRuns = exact.find(({ targets }) => targets.some(({ destination }) => running.has(destination)));
  const fed = firstThatRuns === undefined ? null : fedBestEffort(settings);
  if (fed !== null && firstThatRuns !== undefined) add(firstThatRuns, fed);
  return [...faults.values()];
}

function canRefuse({ type }: DestinationSettings): boolean {
  return destinationDriver(type)?.promises.deduplicates === true;
}

function cantRefuse({ name, type }: DestinationSettings, { destinations }: FlowSettings): DeliveryFault {
  const able = destinations.filter((each) => canRefuse(each)).map((each) => each.name);
  const can =
    able.length === 0 ? NOBODY_CAN : `Of the destinations here ${able.length === 1 ? "this one can" : "these can"}: ${able.join(", ")}.`;
  return {
    severity: "error",
    problem: `exactly-once can't be promised to ${name}: a destination of type ${type} doesn't refuse what it has already`,
    hint: `${can} Or write at-least-once, which may bring a message twice after a failure; a rule in its long form may have a \`delivery\` of its own.`,
  };
}

function givesUp({ name }: DestinationSettings): DeliveryFault {
  return {
    severity: "warning",
    problem: `exactly-once holds until the log of ${name} is full: \`whenFull: drop-oldest\` gives up messages then, counted, that were accepted and not sent yet`,
    hint: `Give ${name} \`spool: { whenFull: refuse }\` or \`drop-newest\`, which never give up what is on disk.`,
  };
}

/** Events that are lost before the spool arrive never. Null where no source loses any. */
function fedBestEffort({ sources }: FlowSettings): DeliveryFault | null {
  const chosen: string[] = [];
  const byNature: string[] = [];
  for (const { name, type, options } of sources) {
    const driver = sourceDriver(type);
    const routes = driver?.bestEffortRoutes?.(options) ?? [];
    if (routes.length === 0) continue;
    if (driver?.caution !== undefined) byNature.push(name);
    else {
      const named = routes.slice(0, ROUTES_NAMED_MAX).join(", ");
      chosen.push(`${name} (${routes.length > ROUTES_NAMED_MAX ? `${named} and ${routes.length - ROUTES_NAMED_MAX} more` : named})`);
    }
  }
  if (chosen.length + byNature.length === 0) return null;
  const captured = chosen.length === 0 ? [] : [`\`capture: best-effort\` may lose events before it: source ${chosen.join("; ")}`];
  const told = byNature.length === 0 ? [] : [`events of ${byNature.join(", ")} may be lost before it`];
  const hints = [
    ...(chosen.length === 0 ? [] : ["Where each event must arrive, write `capture: durable` there."]),
    ...(byNature.length === 0 ? [] : ["An agent's events are safe from its journal on: see docs/acapy.md."]),
  ];
  return {
    severity: "warning",
    problem: `exactly-once is promised from the spool on, and ${[...captured, ...told].join("; and ")}`,
    hint: hints.join(" "),
  };
}
