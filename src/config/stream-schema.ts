/** The schema of a message stream descriptor. */
import { z } from "zod";
import { size } from "../driver/quantity.ts";
import { DELIVERIES, MESSAGE_FORMATS, RULE_MODES } from "../flow/settings.ts";

const MIB = 2 ** 20;

/** Tenants that one list may name. */
export const TENANTS_MAX = 10_000;
/** Rules in one descriptor. */
export const RULES_MAX = 1_000;

export const BODY_TYPES = ["json", "text", "form", "multipart", "binary"] as const;

export const STREAM_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const tenantName = z.string({ error: "expected the name of a tenant; quote it if it is a number" }).min(1).max(256);

const ruleText = z.string().min(1);

/** Headers that a message may get beside those of its format. */
export const HEADERS_MAX = 32;
/** A token of RFC 9110, so that every protocol takes it. */
export const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

const headerName = z
  .string()
  .regex(HEADER_NAME, { error: "expected the name of a header: 1 to 128 letters, digits or any of !#$%&'*+.^_`|~-" })
  .refine((name) => !/^content-type$/i.test(name), { error: "this header tells readers what the value is: the format sets it" })
  .refine((name) => !/^ce[_-]/i.test(name), { error: "names that begin with ce_ or ce- are kept for the attributes of CloudEvents" });

const headers = z
  .record(
    headerName,
    z.string({ error: "expected a template; quote it if it is a number, true or false" }).min(1, { error: "this template is empty" }),
  )
  .refine((all) => Object.keys(all).length <= HEADERS_MAX, { error: `expected at most ${HEADERS_MAX} headers` });

const longRule = z.strictObject({
  select: ruleText.describe("Selection criteria."),
  action: ruleText.describe("`publish` (or its alias `capture`) or `ignore`."),
  target: ruleText.optional().describe("`destination:topic`, where the action is `publish`."),
  mode: z
    .enum(RULE_MODES)
    .default("live")
    .describe("`live`: the rule acts; `shadow`: it counts and samples what it would do, and does nothing."),
  delivery: z.enum(DELIVERIES).optional().describe("Promise of this rule's messages; else that of the stream."),
  headers: headers.optional().describe("Headers of this rule's messages, beside or in place of those of the stream."),
});

export const testSchema = z.strictObject({
  name: z.string().min(1).max(200).describe("What the test shows."),
  event: z.record(z.string(), z.unknown()).describe("Attributes of the event."),
  expect: z.array(z.string()).max(100).describe("Targets that it must lead to; an empty list for none."),
  key: z.string().max(1_000).optional().describe("Key that each of the messages must have."),
  rule: z.int().min(1).optional().describe("Place of the rule that each of the messages must come from, from 1."),
});

/** Tests of one descriptor, or of one file. */
export const TESTS_MAX = 1_000;

/** Tests that stand apart from their descriptor, in a file `*.test.yaml`. */
export const testsFileSchema = z
  .strictObject({
    stream: z.string().min(1).max(1_000).describe("Id of the stream, or path of its descriptor, relative to this file."),
    tests: z.array(testSchema).min(1).max(TESTS_MAX).describe("Examples with the targets that they must lead to."),
  })
  .describe("Tests of a message stream descriptor.");

const fieldList = z.array(z.string({ error: "expected the path of a field, such as request.body/password" }).min(1).max(1_000)).max(1_000);

export const streamSchema = z
  .strictObject({
    stream: z
      .string()
      .regex(STREAM_ID, { error: "expected 1 to 63 small letters, digits or -, beginning with a letter or digit" })
      .describe("Id of the stream, part of every message. No two descriptors may have the same."),
    title: z.string().max(200).optional().describe("What it is, for people. Default: the id."),
    tenants: z
      .union([z.enum(["assigned", "all"]), z.array(tenantName).max(TENANTS_MAX)], { error: "expected assigned, all or a list of tenants" })
      .default("assigned")
      .describe("Tenants whose events it takes: those assigned to it, all, or a list."),
    delivery: z
      .enum(DELIVERIES)
      .default("at-least-once")
      .describe(
        "Promise to the destination. `at-most-once`: from memory, sent once, drops are counted; `at-least-once`: from the spool until acknowledged; `exactly-once`: likewise, and where it can't be told whether a message arrived, its lane stops until somebody decides.",
      ),
    format: z
      .enum(MESSAGE_FORMATS)
      .default("cloudevents")
      .describe(
        "Form of the message. `cloudevents`: one JSON text with attributes and data; `cloudevents-binary`: attributes as protocol headers, the data alone as value; `acapy`: likewise, the value of an agent's event as the agents' own queue plugins write it.",
      ),
    key: z
      .string()
      .min(1)
      .optional()
      .describe("Template of the message key. Default: `{tenant}/{entityId}` where there is an entity, else `{tenant}`."),
    headers: headers.default({}).describe("Protocol headers that messages get: name and template of the value."),
    body: z
      .strictObject({
        limit: size(0, 64 * MIB)
          .prefault("900KiB")
          .describe(
            "Bytes of each body that leave, as encoded; the rest is cut and marked. The message as a whole is bounded by `limits.messageBytesMax` of the configuration.",
          ),
        types: z
          .array(z.enum(BODY_TYPES))
          .default([...BODY_TYPES])
          .describe("Kinds of bodies that leave; of any other only the size does."),
      })
      .prefault({})
      .describe("What of bodies leaves."),
    keep: fieldList.optional().describe("Only these fields of bodies leave: `request.body/…`, `response.body/…`, `payload/…`."),
    redact: fieldList.default([]).describe("Fields and patterns that are removed, beside those that always are."),
    rules: z
      .array(z.union([ruleText, longRule], { error: "expected a rule: text, or select, action and target" }))
      .min(1)
      .max(RULES_MAX)
      .describe("Which events lead to which targets."),
    tests: z.array(testSchema).max(TESTS_MAX).default([]).describe("Examples with the targets that they must lead to."),
  })
  .describe("Message stream descriptor.");

export const longRuleSchema = longRule;

/** The file that says which tenants each stream is assigned to. */
export const assignmentsSchema = z.strictObject({
  version: z.literal(1, { error: "expected version: 1" }),
  assignments: z.record(z.string(), z.array(tenantName).max(TENANTS_MAX)).default({}),
});
