/**
 * The files that follow from the schemas: schemas/*.json, and the reference tables within the docs.
 *
 * Promise: the same schemas and drivers give the same bytes, so that a test can tell when a file is stale.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { configurationEditorSchema, configurationJsonSchema, type JsonSchema, streamJsonSchema, testsJsonSchema } from "./json-schema.ts";
import { driverTables, referenceTable } from "./reference.ts";
import { destinationCommonSchema, sourceCommonSchema } from "./schema.ts";

/**
 * Makes every generated file.
 *
 * @param root - Folder of the project, whose docs are read for the text around the tables.
 * @returns Path relative to the root, and content.
 */
export async function generatedFiles(root: string): Promise<ReadonlyMap<string, string>> {
  const configuration = configurationJsonSchema();
  const stream = streamJsonSchema();
  const files = new Map<string, string>([
    ["schemas/configuration.schema.json", `${JSON.stringify(configurationEditorSchema(), null, 2)}\n`],
    ["schemas/stream.schema.json", `${JSON.stringify(stream, null, 2)}\n`],
    ["schemas/tests.schema.json", `${JSON.stringify(testsJsonSchema(), null, 2)}\n`],
  ]);
  const tables = {
    configuration: referenceTable(configuration),
    "source-common": referenceTable(commonOf(sourceCommonSchema)),
    sources: driverTables(entriesOf(configuration, "sources"), Object.keys(sourceCommonSchema.shape)),
    "destination-common": referenceTable(commonOf(destinationCommonSchema)),
    destinations: driverTables(entriesOf(configuration, "destinations"), Object.keys(destinationCommonSchema.shape)),
    descriptor: referenceTable(stream),
  };
  for (const page of ["docs/configuration.md", "docs/descriptors.md"]) {
    files.set(page, replaceTables(await readFile(join(root, page), "utf8"), tables));
  }
  return files;
}

function commonOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input" }) as JsonSchema;
}

function entriesOf(configuration: JsonSchema, key: "sources" | "destinations"): readonly JsonSchema[] {
  const entries = configuration.properties?.[key]?.additionalProperties;
  return entries === false ? [] : (entries?.oneOf ?? []);
}

/** Puts each table between `<!-- table NAME -->` and `<!-- end -->`. */
export function replaceTables(page: string, tables: Readonly<Record<string, string>>): string {
  return page.replaceAll(/(<!-- table ([a-z-]+) -->\n)[\s\S]*?(<!-- end -->)/g, (whole, begin: string, name: string, end: string) => {
    const table = tables[name];
    return table === undefined ? whole : `${begin}\n${table}\n\n${end}`;
  });
}
