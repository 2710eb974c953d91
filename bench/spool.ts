/**
 * The spool: durable appends beside other stores, the start with a large backlog, appends while one is sent, and
 * tenants beside one that fills its share.
 *
 * `npm run bench -- spool [PASSES] [--short] [--json] [--only append,start,drain,tenant,profile] [--folder FOLDER]`
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Guard } from "../tools/kafka/guard.ts";
import { writePayload } from "./kafka/payload.ts";
import { chosenParts, machineLoad, printPart } from "./parts.ts";
import { makeScratch } from "./scratch.ts";
import { append } from "./spool/append.ts";
import { drain } from "./spool/drain.ts";
import { profile } from "./spool/profile.ts";
import { FULL, SHORT, type Extent, type Found, type Site } from "./spool/site.ts";
import { start } from "./spool/start.ts";
import { tenant } from "./spool/tenant.ts";

const PARTS = {
  append: ["Durable appends", append],
  start: ["The start with a backlog", start],
  drain: ["Appends while a backlog is sent", drain],
  tenant: ["One tenant fills its share", tenant],
  profile: ["Profile of durable appends", profile],
} as const;
type PartName = keyof typeof PARTS;
/** A profile slows what it looks at, and is for people who work on it. */
const USUAL: readonly PartName[] = ["append", "start", "drain", "tenant"];
/** On the disk of the repository: a temporary folder is often in memory. */
const SCRATCH = join(import.meta.dirname, "../.tools");

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      short: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      only: { type: "string" },
      folder: { type: "string", default: SCRATCH },
    },
  });
  const usual = values.short ? SHORT : FULL;
  const extent: Extent = { ...usual, passes: Number(positionals[0] ?? usual.passes) };
  const parts = chosenParts(PARTS, USUAL, values.only);
  mkdirSync(values.folder, { recursive: true });
  const folder = makeScratch(values.folder, extent.diskBytes);
  const guard = new Guard(folder, "remove");
  const told: Record<string, unknown> = {};
  try {
    const payloadFile = join(folder, "payload");
    writePayload(payloadFile);
    const site: Site = { extent, folder, payloadFile, tell: (text) => void process.stderr.write(`${text}\n`) };
    for (const part of parts) {
      const [title, measurePart] = PARTS[part];
      const found: Found = await measurePart(site);
      const load = machineLoad();
      told[part] = { figures: found.figures, load };
      if (!values.json) printPart(title, found.text, load);
    }
  } finally {
    await guard.end();
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ extent, parts: told }, null, 2)}\n`);
}
