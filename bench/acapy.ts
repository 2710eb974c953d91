/**
 * What the plugin costs an agent, beside the agent's own webhooks and beside nothing; and how fast what it wrote is
 * drained.
 *
 * `npm run bench -- acapy [PASSES] [--short] [--only agent,drain] [--folder FOLDER]`
 */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { Guard } from "../tools/kafka/guard.ts";
import { inAgent } from "./acapy/in-agent.ts";
import { drain } from "./acapy/drain.ts";
import { FULL, SHORT, type Extent, type Site } from "./acapy/site.ts";
import { chosenParts, machineLoad, printPart } from "./parts.ts";
import { makeScratch } from "./scratch.ts";

const PARTS = {
  agent: ["In the agent", inAgent],
  drain: ["Draining", drain],
} as const;
type PartName = keyof typeof PARTS;
const USUAL: readonly PartName[] = ["agent", "drain"];

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { short: { type: "boolean", default: false }, only: { type: "string" }, folder: { type: "string", default: tmpdir() } },
  });
  const usual = values.short ? SHORT : FULL;
  const extent: Extent = { ...usual, passes: Number(positionals[0] ?? usual.passes) };
  const parts = chosenParts(PARTS, USUAL, values.only);
  const folder = makeScratch(values.folder, extent.diskBytes);
  const guard = new Guard(folder, "remove");
  try {
    const site: Site = { extent, folder, tell: (text) => void process.stderr.write(`${text}\n`) };
    for (const part of parts) {
      const [title, measurePart] = PARTS[part];
      printPart(title, await measurePart(site), machineLoad());
    }
  } finally {
    await guard.end();
  }
}
