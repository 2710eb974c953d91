/** Tells what is wrong with a flag of the command line, in the form that faults in files have: the flag is the place. */
import type { z } from "zod";
import type { Findings } from "./finding.ts";

export interface FlagFault {
  readonly hint?: string;
  /** Characters of the flag's value before the fault. */
  readonly offset?: number;
  /** Planned, and not in this release. */
  readonly later?: boolean;
  /** Default: an error. */
  readonly severity?: "error" | "warning";
}

/** @param flag - With its dashes. */
export function tellFlag(
  findings: Findings,
  flag: string,
  problem: string,
  { hint, offset = 0, later = false, severity = "error" }: FlagFault = {},
): void {
  findings.add({
    severity,
    code: later ? "SST_NOT_AVAILABLE" : "SST_CONFIG_INVALID",
    file: flag,
    line: 1,
    column: offset + 1,
    path: "",
    problem,
    ...(hint === undefined ? {} : { hint }),
  });
}

/**
 * Checks a driver's options that were put together from flags.
 *
 * @param flagOf - The flag that an option came from, by the option's name.
 * @returns Undefined when there is a fault; it was told.
 */
export function checkFlagOptions(
  schema: z.ZodType | undefined,
  value: Readonly<Record<string, unknown>>,
  flagOf: (option: string) => string,
  findings: Findings,
): { value: unknown } | undefined {
  if (schema === undefined) throw new Error("the built-in drivers are not registered");
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data };
  for (const { path, message } of result.error.issues) tellFlag(findings, flagOf(String(path[0] ?? "")), message);
  return undefined;
}
