import { equal } from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { JsonSchema } from "./json-schema.ts";
import { referenceTable } from "./reference.ts";

function rowOf(schema: z.ZodType, key: string): string | undefined {
  return referenceTable(z.toJSONSchema(schema, { io: "input" }) as JsonSchema)
    .split("\n")
    .find((row) => row.startsWith(`| \`${key}\` `));
}

const login = z.strictObject({
  login: z.discriminatedUnion("mechanism", [
    z.strictObject({ mechanism: z.literal("plain"), user: z.string(), servers: z.array(z.strictObject({ path: z.string() })) }),
    z.strictObject({ mechanism: z.literal("token"), file: z.string() }),
  ]),
});

test("a key that only one form of a value has is not told as required of all", () => {
  equal(rowOf(login, "login.mechanism"), "| `login.mechanism` | `plain` or `token` | required |  |");
  equal(rowOf(login, "login.user"), "| `login.user` | text |  |  |");
  equal(rowOf(login, "login.servers[].path"), "| `login.servers[].path` | text | required |  |");
});

test("true or keys with values is told as both", () => {
  const tls = z.strictObject({
    tls: z.union([z.boolean(), z.strictObject({ ca: z.string().optional().describe("A file.") })]).default(false),
  });
  equal(rowOf(tls, "tls"), "| `tls` | true or false or keys with values | `false` |  |");
  equal(rowOf(tls, "tls.ca"), "| `tls.ca` | text |  | A file. |");
});
