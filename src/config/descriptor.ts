/** From a message stream descriptor to the settings of its stream. */
import { createHash } from "node:crypto";
import { parseTemplate } from "../flow/match/parse.ts";
import type { Template } from "../flow/match/rule.ts";
import type { FieldPath, StreamSettings } from "../flow/settings.ts";
import { check, valueAt } from "./check.ts";
import { readHeaders } from "./descriptor-headers.ts";
import { parseFieldPath } from "./field-path.ts";
import { type Findings, formatPath } from "./finding.ts";
import { laterInDescriptor, tellNotAvailable } from "./not-available.ts";
import { readRules, rulesReadAsKeys } from "./rules.ts";
import { streamSchema } from "./stream-schema.ts";
import { warnOfIdleRules } from "./idle-rules.ts";
import { tellRuleError } from "./rule-finding.ts";
import type { Path, YamlDocument } from "./yaml-document.ts";

/** A stream before it is known who it is assigned to. */
export interface DescribedStream {
  readonly settings: StreamSettings;
  readonly assigned: boolean;
  readonly document: YamlDocument;
}

/** Hex digits of a descriptor's hash that name its revision. */
const REVISION_LENGTH = 12;

/** @returns Null when the descriptor has an error; every one of them is among the findings then. */
export function readDescriptor(document: YamlDocument, findings: Findings): DescribedStream | null {
  const before = findings.errorCount;
  const value = document.value;
  const context = { document, findings };
  if (valueAt(value, ["policy"]) !== undefined && valueAt(value, ["stream"]) === undefined) {
    tellNotAvailable(context, ["policy"], "policies", "Write `ignore` rules and `redact` into each descriptor.");
    return null;
  }
  const told = new Set([...laterInDescriptor(value, context), ...rulesReadAsKeys(document, findings)]);
  const checked = check(streamSchema, value, [], { ...context, told });
  // Rules and fields are read even where something else is wrong, so that all errors are told at once.
  const headers = readHeaders(["headers"], document, findings) ?? [];
  const rules = readRules(document, headers, findings);
  const key = readKey(document, findings);
  const keep = readFields("keep", document, findings);
  const redact = readFields("redact", document, findings) ?? [];
  if (checked === undefined || findings.errorCount > before) return null;
  const settings: StreamSettings = {
    id: checked.stream,
    title: checked.title ?? checked.stream,
    revision: createHash("sha256").update(document.text).digest("hex").slice(0, REVISION_LENGTH),
    tenants: checked.tenants === "assigned" ? [] : checked.tenants,
    key,
    format: checked.format,
    delivery: checked.delivery,
    headers,
    body: { bytesMax: checked.body.limit, types: checked.body.types },
    keep,
    redact,
    rules,
  };
  warnOfIdleRules(rules, checked.tenants, document, findings);
  return { settings, assigned: checked.tenants === "assigned", document };
}

function readKey(document: YamlDocument, findings: Findings): Template | null {
  const text = valueAt(document.value, ["key"]);
  if (typeof text !== "string" || text === "") return null;
  try {
    return parseTemplate(text);
  } catch (error) {
    tellRuleError(error, document, ["key"], findings);
    return null;
  }
}

/** Null when the list is absent. */
function readFields(list: "keep" | "redact", document: YamlDocument, findings: Findings): readonly FieldPath[] | null {
  const texts = valueAt(document.value, [list]);
  if (!Array.isArray(texts)) return null;
  const fields: FieldPath[] = [];
  for (const [index, text] of texts.entries()) {
    if (typeof text !== "string" || text === "") continue;
    const field = parseFieldPath(text);
    const problem = "problem" in field ? field : list === "keep" && field.kind !== "content" ? KEEP_IS_FOR_BODIES : null;
    if (problem === null && !("problem" in field)) fields.push(field);
    else if (problem !== null) tellField(problem, document, [list, index], findings);
  }
  return fields;
}

const KEEP_IS_FOR_BODIES = {
  problem: "expected a field of a body: request.body/…, response.body/… or payload/…",
  hint: "`keep` is about bodies; take headers and query parameters away with `redact`.",
};

function tellField(
  { problem, hint }: { readonly problem: string; readonly hint?: string },
  document: YamlDocument,
  path: Path,
  findings: Findings,
): void {
  findings.add({
    severity: "error",
    code: "SST_CONFIG_INVALID",
    file: document.file,
    ...document.place(path),
    path: formatPath(path),
    problem,
    ...(hint === undefined ? {} : { hint }),
  });
}
