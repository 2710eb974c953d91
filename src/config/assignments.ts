/** The file that says which tenants each stream is assigned to. */
import { check } from "./check.ts";
import { type Findings, formatPath } from "./finding.ts";
import { assignmentsSchema } from "./stream-schema.ts";
import { readYaml } from "./yaml.ts";
import type { YamlDocument } from "./yaml-document.ts";

export interface Assignments {
  /** Stream id to its tenants, each once. */
  readonly tenants: ReadonlyMap<string, readonly string[]>;
  /** Null where there is no such file. */
  readonly document: YamlDocument | null;
}

export const NO_ASSIGNMENTS: Assignments = { tenants: new Map(), document: null };

/** @param shown - What the file is called in findings. @returns No assignments when the file has an error, which is among the findings then. */
export async function readAssignments(file: string, shown: string, findings: Findings): Promise<Assignments> {
  const document = await readYaml(file, findings, shown);
  return document === null ? NO_ASSIGNMENTS : checkAssignments(document, findings);
}

export function checkAssignments(document: YamlDocument, findings: Findings): Assignments {
  const checked = check(assignmentsSchema, document.value, [], { document, findings });
  if (checked === undefined) return NO_ASSIGNMENTS;
  const tenants = new Map(Object.entries(checked.assignments).map(([stream, list]) => [stream, [...new Set(list)]]));
  return { tenants, document };
}

/** Assignments of streams that aren't there: most likely a stream that was renamed. */
export function warnOfUnknownStreams({ tenants, document }: Assignments, known: ReadonlySet<string>, findings: Findings): void {
  if (document === null) return;
  for (const stream of tenants.keys()) {
    if (known.has(stream)) continue;
    findings.add({
      severity: "warning",
      code: "SST_CONFIG_INVALID",
      file: document.file,
      ...document.placeOfKey(["assignments", stream]),
      path: formatPath(["assignments"]),
      problem: `no stream has the id "${stream.slice(0, 100)}"; its assignment has no effect`,
    });
  }
}
