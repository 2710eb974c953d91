/**
 * JSON Schemas of the configuration and of the message stream descriptor, as they are written by people.
 *
 * The options of sources and destinations are those of the drivers that are registered when it is made.
 */
import { z } from "zod";
import { destinationDriver, destinationTypes, sourceDriver, sourceTypes } from "../driver/registry.ts";
import { LATER_CAPTURES } from "./not-available.ts";
import { configurationSchema, destinationCommonSchema, sourceCommonSchema } from "./schema.ts";
import { streamSchema, testsFileSchema } from "./stream-schema.ts";

/** What we read of a JSON Schema. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly pattern?: string;
  readonly [keyword: string]: unknown;
}

export function configurationJsonSchema(): JsonSchema {
  const schema = jsonSchemaOf(configurationSchema);
  const properties = schema.properties ?? {};
  return {
    ...schema,
    $id: "urn:sidestream:schema:configuration:1",
    title: "Sidestream configuration",
    properties: {
      ...properties,
      sources: { ...properties["sources"], additionalProperties: { oneOf: sourceTypes().map(sourceEntry) } },
      destinations: { ...properties["destinations"], additionalProperties: { oneOf: destinationTypes().map(destinationEntry) } },
    },
  };
}

const PLACEHOLDER: JsonSchema = {
  type: "string",
  pattern: "\\$\\{(env|file):",
  description: "Filled in from the environment or a file: ${env:NAME}, ${env:NAME:-default} or ${file:PATH}.",
};

/** The schema for editors: any value may be a placeholder, whatever its form is. */
export function configurationEditorSchema(): JsonSchema {
  const { properties = {}, ...schema } = configurationJsonSchema();
  const { version = {}, ...others } = properties;
  const open = Object.entries(others).map(([key, member]) => [key, withPlaceholders(member)]);
  return { ...schema, properties: { version, ...Object.fromEntries(open) }, $defs: { placeholder: PLACEHOLDER } };
}

function withPlaceholders(schema: JsonSchema): JsonSchema {
  const { description, default: standard, ...form } = schema;
  if (form.enum !== undefined || form.pattern !== undefined || form.type === "integer" || form.type === "boolean") {
    return {
      ...(description === undefined ? {} : { description }),
      ...(standard === undefined ? {} : { default: standard }),
      anyOf: [form, { $ref: "#/$defs/placeholder" }],
    };
  }
  const { properties, additionalProperties, items, anyOf, oneOf } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, member]) => [key, withPlaceholders(member)])),
    }),
    ...(additionalProperties && { additionalProperties: withPlaceholders(additionalProperties) }),
    ...(items && { items: withPlaceholders(items) }),
    ...(anyOf && { anyOf: anyOf.map(withPlaceholders) }),
    ...(oneOf && { oneOf: oneOf.map(withPlaceholders) }),
  };
}

export function streamJsonSchema(): JsonSchema {
  return { ...jsonSchemaOf(streamSchema), $id: "urn:sidestream:schema:stream:1", title: "Sidestream message stream descriptor" };
}

export function testsJsonSchema(): JsonSchema {
  return {
    ...jsonSchemaOf(testsFileSchema),
    $id: "urn:sidestream:schema:tests:1",
    title: "Tests of a Sidestream message stream descriptor",
  };
}

/** What a person writes: before defaults and conversions. */
function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}

function sourceEntry(type: string): JsonSchema {
  const driver = sourceDriver(type);
  const common = jsonSchemaOf(sourceCommonSchema);
  const { platform, ...others } = common.properties ?? {};
  const kept = (driver !== undefined && driver.carriesTraffic !== true) || platform === undefined ? others : { ...others, platform };
  return entry(type, driver?.summary, driver?.options, { ...common, properties: kept });
}

function destinationEntry(type: string): JsonSchema {
  const driver = destinationDriver(type);
  return entry(type, driver?.summary, driver?.options, jsonSchemaOf(destinationCommonSchema));
}

/** One driver's options together with the keys that all have. */
function entry(type: string, summary: string | undefined, options: z.ZodType | undefined, common: JsonSchema): JsonSchema {
  const own = options === undefined ? {} : withoutLater(jsonSchemaOf(options));
  const { type: typeKey, ...rest } = common.properties ?? {};
  return {
    type: "object",
    title: type,
    ...(summary === undefined ? {} : { description: summary }),
    properties: { type: { const: type, description: typeKey?.description ?? "" }, ...own.properties, ...rest },
    required: ["type", ...(own.required ?? [])],
    additionalProperties: false,
  };
}

/** Drivers know values that are refused as not available yet; an editor should not offer them. */
function withoutLater(schema: JsonSchema): JsonSchema {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    key === "enum" && Array.isArray(value) ? value.filter((choice) => !LATER_CAPTURES.includes(String(choice))) : value,
  );
  return JSON.parse(text) as JsonSchema;
}
