/** `sidestream schema KIND`: prints a JSON Schema, for editors and for whoever reads the messages. */
import { configurationEditorSchema, streamJsonSchema, testsJsonSchema } from "../config/json-schema.ts";
import { dataJsonSchema } from "../flow/message/data-schema.ts";
import type { TextOutput } from "./output.ts";

export type SchemaKind = "configuration" | "stream" | "tests" | "data";

const KINDS: Readonly<Record<SchemaKind, { readonly about: string; readonly make: () => unknown }>> = {
  configuration: { about: "the configuration file", make: configurationEditorSchema },
  stream: { about: "a message stream descriptor", make: streamJsonSchema },
  tests: { about: "tests of a descriptor in a file of their own", make: testsJsonSchema },
  data: { about: "the data of a message, for who reads it", make: dataJsonSchema },
};

/**
 * Prints the schema; without a kind, the list of kinds.
 *
 * The drivers must be registered before: their options are part of the configuration's schema.
 *
 * @returns Exit status: 0, or 2 for a kind that there isn't.
 */
export async function runSchema(kind: SchemaKind | undefined, out: TextOutput): Promise<number> {
  if (kind === undefined) {
    for (const [name, { about }] of Object.entries(KINDS)) out.stdout(`${name.padEnd(14)} ${about}\n`);
    out.stderr("Print one with `sidestream schema KIND`.\n");
    return 0;
  }
  const entry = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (entry === undefined) {
    out.stderr(`schema: there is no "${kind}"; there are ${Object.keys(KINDS).join(", ")}\n`);
    return 2;
  }
  out.stdout(`${JSON.stringify(entry.make(), null, 2)}\n`);
  return 0;
}
