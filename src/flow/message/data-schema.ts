/**
 * The published schema of a message's `data`: what consumers may rely on. schemas/data.schema.json is made from it.
 *
 * Nothing on the way of an event imports this file: messages are written by hand, and tests check them against it.
 */
import { z } from "zod";
import { OUTCOMES, QOS } from "../../driver/source.ts";
import { DATA_SCHEMA_ID } from "./encode.ts";
import { PATTERN_NAMES } from "./patterns.ts";

const WITHHELD = [
  "login-route",
  "plaintext",
  "secret-in-text",
  "cut",
  "undecodable",
  "too-large",
  "too-deep",
  "malformed",
  "unknown-charset",
] as const;
const hash = z.string().regex(/^hmac:[0-9a-f]{16}$/);
const size = z.int().min(0).nullable();
const headers = z
  .record(z.string(), z.array(z.string()).min(1))
  .describe("Header names in lower case, each with its values in the order sent. Bytes beyond ASCII are read as latin1.");

/** The members that describe a body, named after it. */
function bodyMembers<Name extends "body" | "payload">(name: Name) {
  const of = <Part extends string, Schema extends z.ZodType>(part: Part, schema: Schema) =>
    ({ [`${name}${part}`]: schema }) as Record<`${Name}${Part}`, Schema>;
  return {
    ...of("", z.unknown().describe("JSON where the encoding is `json`, else a string, or null where there is nothing.")),
    ...of("Encoding", z.enum(["json", "text", "base64"]).nullable().describe("How the body stands here; null where there is nothing.")),
    ...of("Size", size.describe("Bytes on the wire; null where it would tell the length of a removed secret.")),
    ...of("Coding", z.string().optional().describe("The content coding that was undone, such as `gzip`.")),
    ...of("Truncated", z.literal(true).optional().describe("Only the begin is here. JSON that was cut is text.")),
    ...of("Withheld", z.enum(WITHHELD).optional().describe("Why redaction left the body out as a whole.")),
    ...of(
      "Omitted",
      z
        .enum(["type", "not-kept", "redacted"])
        .optional()
        .describe("Which setting of the stream left the body out: `body.types`, `keep` or `redact`."),
    ),
    ...of("Hash", hash.optional().describe("Keyed hash of the captured bytes of a body that can't be read.")),
  };
}

const redacted = {
  redacted: z
    .array(
      z.strictObject({
        path: z
          .string()
          .describe(
            "What was removed: `header.NAME`, `response.NAME`, `query.NAME`, `request.body/POINTER`, `response.body/POINTER`, `payload/POINTER`.",
          ),
        pattern: z.enum(PATTERN_NAMES).optional().describe("The pattern that matched."),
        length: z.int().min(16).optional().describe("Bytes of the value in UTF-8. Never for secrets."),
        hash: hash.optional().describe("HMAC-SHA-256 under the instance's key, first 16 digits. Never for secrets."),
      }),
    )
    .max(32)
    .describe("What was removed from the message."),
  redactedMore: z.int().min(1).optional().describe("Removed values beyond those listed."),
  headTruncated: z.literal(true).optional().describe("Headers, path, query or names were cut so that the message stays within its limit."),
};

/** `data` of type `dev.sidestream.transaction`. */
export const transactionData = z.strictObject({
  request: z.strictObject({
    method: z.string(),
    path: z.string().describe("As sent, without the query."),
    query: z.string().describe("As sent, without the question mark; empty where there is none."),
    httpVersion: z.string(),
    headers,
    ...bodyMembers("body"),
  }),
  response: z.strictObject({ status: z.int().describe("Status that the client was answered."), headers, ...bodyMembers("body") }),
  outcome: z.enum(OUTCOMES).describe("How the transaction ended."),
  durationMs: z.number().min(0),
  remoteAddress: z.string(),
  module: z
    .strictObject({
      name: z.string().optional(),
      id: z.string().optional(),
      version: z.string().optional(),
      interface: z.string().optional(),
      interfaceVersion: z.string().optional(),
      permission: z.string().optional(),
    })
    .optional()
    .describe("What handled the request, as far as the platform knows."),
  route: z.string().optional(),
  userId: z.string().optional(),
  ...redacted,
});

/** `data` of type `dev.sidestream.agent`. */
export const agentData = z.strictObject({
  topic: z.string(),
  wallet: z.string().nullable().describe("Wallet id; null for the base wallet."),
  state: z.string().optional().describe("The record's state, where the payload has one."),
  label: z.string().optional().describe("Name of the tenant for people, where the source tells it."),
  agent: z.string().optional().describe("Name of the agent, where the source tells it."),
  recordId: z.string().optional().describe("Id of the record that the event is about, where the source tells it."),
  qos: z.enum(QOS).optional().describe("What the agent asked to be promised."),
  ...bodyMembers("payload"),
  ...redacted,
});

/** The JSON Schema of `data`, draft 2020-12. */
export function dataJsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(z.union([transactionData, agentData]), {
    target: "draft-2020-12",
    // Our tests allow no other members; readers must, so that later releases can add some.
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return {
    $schema,
    $id: DATA_SCHEMA_ID,
    title: "Data of a Sidestream message",
    description:
      "The `data` member of the CloudEvents that Sidestream writes: a transaction or an agent's event. Members may be added under the same id.",
    ...schema,
  };
}
