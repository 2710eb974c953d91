/** Which member of a payload names its record is told in four places: by the plugin, by Sidestream, and in the docs of both. */
import { deepEqual } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { AGENT_IDS } from "../../src/flow/message/entity.ts";

function namesIn(path: string, begin: string, end: string): string[] {
  const text = readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  const from = text.indexOf(begin);
  const list = text.slice(from, text.indexOf(end, from));
  return [...list.matchAll(/[`"]([a-z_]+)[`"]/g)].map(([, name]) => name ?? "");
}

test("the plugin and Sidestream take a record's id from the same members in the same order, as the docs say", () => {
  deepEqual(namesIn("plugins/acapy/src/sidestream_acapy/attributes.py", "RECORD_IDS = (", ")"), AGENT_IDS);
  deepEqual(namesIn("plugins/acapy/README.md", "the id of the record: the first of", "."), AGENT_IDS);
  deepEqual(namesIn("docs/messages.md", "it is the record's id: the first of", " that the payload"), AGENT_IDS);
});
