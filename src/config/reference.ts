/** The reference tables of docs/configuration.md and docs/descriptors.md, made from the JSON Schemas. */
import type { JsonSchema } from "./json-schema.ts";

const HEADER = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"];

interface Row {
  readonly key: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** A table of every key of an object, inner ones with their path. */
export function referenceTable(schema: JsonSchema): string {
  return [...HEADER, ...rowsOf(schema, "").map(formatRow)].join("\n");
}

/** A table for each driver, under a heading of its own, without the keys that all have. */
export function driverTables(entries: readonly JsonSchema[], commonKeys: readonly string[]): string {
  return entries
    .map((entry) => {
      const own = Object.fromEntries(Object.entries(entry.properties ?? {}).filter(([key]) => !commonKeys.includes(key)));
      const table = Object.keys(own).length === 0 ? "No keys of its own." : referenceTable({ ...entry, properties: own });
      return `#### \`type: ${String(entry["title"])}\`\n${entry.description ?? ""}\n\n${table}`;
    })
    .join("\n\n");
}

function rowsOf(schema: JsonSchema, prefix: string): readonly Row[] {
  const rows: Row[] = [];
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const key = prefix === "" ? name : `${prefix}.${name}`;
    rows.push({ key, schema: member, required: schema.required?.includes(name) === true && member.default === undefined });
    rows.push(...innerRows(member, key));
  }
  return rows;
}

/** Keys of an object inside, of the objects of a list, of each form that has keys. */
function innerRows(schema: JsonSchema, key: string): readonly Row[] {
  if (schema.properties !== undefined) return rowsOf(schema, key);
  if (schema.items !== undefined) return innerRows(schema.items, `${key}[]`);
  const forms = (schema.anyOf ?? schema.oneOf ?? []).map((form) => innerRows(form, key)).filter((rows) => rows.length > 0);
  const keys = [...new Set(forms.flatMap((rows) => rows.map((row) => row.key)))];
  // Forms with nothing in common are a choice of one key: none of them is required.
  const choice = forms.length > 1 && !keys.some((name) => forms.every((rows) => rows.some((row) => row.key === name)));
  return keys.map((name) => {
    const same = forms.map((rows) => rows.find((row) => row.key === name)).filter((row) => row !== undefined);
    // A key that only some forms have is not required of all; what stands deeper is required where its parent is there.
    const everywhere = same.length === forms.length || /[.[]/.test(name.slice(key.length + 1));
    return {
      key: name,
      schema: merged(same.map((row) => row.schema)),
      required: !choice && everywhere && same.every((row) => row.required),
    };
  });
}

/** One key that several forms have: its kinds of value together, with the first description and default. */
function merged(schemas: readonly JsonSchema[]): JsonSchema {
  const [first] = schemas;
  if (first === undefined || schemas.length === 1) return first ?? {};
  const described = schemas.find((schema) => schema.description !== undefined && schema.description !== "");
  return {
    ...(described?.description === undefined ? {} : { description: described.description }),
    default: first.default,
    anyOf: schemas,
  };
}

function formatRow({ key, schema, required }: Row): string {
  const standard = schema.default;
  const written =
    standard === undefined ? (required ? "required" : "") : isEmpty(standard) ? "" : code(JSON.stringify(standard).replaceAll('"', ""));
  return `| ${code(key)} | ${cell(typeOf(schema))} | ${cell(written)} | ${cell(schema.description ?? "")} |`;
}

/** `{}` as default says nothing: the members have theirs. */
function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(text(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(text(value))).join(", ");
  const forms = schema.anyOf ?? schema.oneOf;
  if (forms !== undefined) {
    if (forms.some((form) => form.pattern?.includes("KiB") === true)) return "size";
    if (forms.some((form) => form.pattern?.endsWith("\\/s$") === true)) return "rate";
    return [...new Set(forms.map(typeOf))].join(" or ");
  }
  if (schema.pattern?.includes("ms|s|m|h|d") === true) return "duration";
  switch (schema.type) {
    case "string":
      return "text";
    case "integer":
      return "whole number";
    case "boolean":
      return "true or false";
    case "array":
      return `list of ${schema.items === undefined ? "anything" : plural(typeOf(schema.items))}`;
    case "object":
      return "keys with values";
    case "null":
      return code("null");
    default:
      return schema.type ?? "anything";
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function plural(type: string): string {
  return { text: "texts", "keys with values": "entries", "text or keys with values": "texts or entries" }[type] ?? type;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
