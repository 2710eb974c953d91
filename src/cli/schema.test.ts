import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { registerFakeDrivers } from "../config/testing/fake-drivers.ts";
import { runSchema, type SchemaKind } from "./schema.ts";

before(registerFakeDrivers);

async function schema(kind: string | undefined): Promise<{ status: number; stdout: string; stderr: string }> {
  let stdout = "";
  let stderr = "";
  const status = await runSchema(kind as SchemaKind | undefined, {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
  });
  return { status, stdout, stderr };
}

test("the configuration's schema has the options of every driver", async () => {
  const { status, stdout } = await schema("configuration");
  assert.equal(status, 0);
  const { properties } = JSON.parse(stdout) as { properties: { sources: { additionalProperties: { oneOf: Record<string, unknown>[] } } } };
  const gateway = properties.sources.additionalProperties.oneOf.find((entry) => entry["title"] === "gateway");
  assert.deepEqual(Object.keys(gateway?.["properties"] as object), [
    "type",
    "listen",
    "upstream",
    "capture",
    "connectionsMax",
    "secure",
    "routes",
    "tenant",
    "platform",
  ]);
  assert.deepEqual(gateway?.["required"], ["type", "upstream"]);
});

test("the configuration's schema takes a placeholder for any value but version and type", async () => {
  const { properties, $defs } = JSON.parse((await schema("configuration")).stdout) as {
    properties: Record<string, Record<string, unknown>>;
    $defs: { placeholder: { pattern: string } };
  };
  const placeholder = { $ref: "#/$defs/placeholder" };
  for (const key of ["enabled", "instance", "env"]) assert.deepEqual((properties[key]?.["anyOf"] as unknown[])[1], placeholder, key);
  assert.equal(properties["version"]?.["const"], 1);
  const text = JSON.stringify(properties["destinations"]);
  assert.ok(text.includes('"type":{"const":"file"') && text.includes(JSON.stringify(placeholder)));
  assert.ok(new RegExp($defs.placeholder.pattern).test("${env:NAME}"));
});

test("a source that knows its tenants itself has no platform in the schema", async () => {
  const { properties } = JSON.parse((await schema("configuration")).stdout) as {
    properties: { sources: { additionalProperties: { oneOf: Record<string, unknown>[] } } };
  };
  const agent = properties.sources.additionalProperties.oneOf.find((entry) => entry["title"] === "agent");
  assert.deepEqual(Object.keys(agent?.["properties"] as object), ["type", "listen", "tenant"]);
});

test("the descriptor's schema describes what people write", async () => {
  const { properties, required } = JSON.parse((await schema("stream")).stdout) as {
    properties: Record<string, { default?: unknown }>;
    required: string[];
  };
  assert.deepEqual(required, ["stream", "rules"]);
  assert.equal(properties["delivery"]?.default, "at-least-once");
});

test("the schema of a message's data is the published one", async () => {
  const published = readFileSync(join(import.meta.dirname, "../../schemas/data.schema.json"), "utf8");
  assert.deepEqual(JSON.parse((await schema("data")).stdout), JSON.parse(published));
});

test("without a kind the kinds are listed", async () => {
  const { status, stdout } = await schema(undefined);
  assert.equal(status, 0);
  assert.match(stdout, /^configuration .*\nstream .*\ntests .*\ndata /);
});

test("a kind that there isn't is wrong use", async () => {
  const { status, stdout, stderr } = await schema("toString");
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /there is no "toString"/);
});
