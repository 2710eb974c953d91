/**
 * Matching: the rule index beside event-ruler and a-tree, on up to 100,000 rules. Each contestant has the same one core.
 *
 * `npm run bench -- match [PASSES] [--short] [--only throughput,flatness,load,change,tenants] [--folder FOLDER]`
 */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Guard } from "../tools/kafka/guard.ts";
import { change } from "./match/change.ts";
import { flatness } from "./match/flatness.ts";
import { load } from "./match/load.ts";
import { buildPeers } from "./match/peers.ts";
import { FULL, SHORT, type Extent, type Site } from "./match/site.ts";
import { tenants } from "./match/tenants.ts";
import { throughput } from "./match/throughput.ts";
import { writeSet } from "./match/workload.ts";
import { chosenParts, machineLoad, printPart } from "./parts.ts";
import { makeScratch } from "./scratch.ts";

const PARTS = {
  throughput: ["Matches a second", throughput],
  flatness: ["Few rules and many", flatness],
  load: ["Loading rules", load],
  change: ["Changing one rule", change],
  tenants: ["The program with many tenants", tenants],
} as const;
type PartName = keyof typeof PARTS;
const USUAL: readonly PartName[] = ["throughput", "flatness", "load", "change", "tenants"];
/** Rules and events of all sets. */
const DISK_BYTES = 512 * 1024 * 1024;

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { short: { type: "boolean", default: false }, only: { type: "string" }, folder: { type: "string", default: tmpdir() } },
  });
  const usual = values.short ? SHORT : FULL;
  const extent: Extent = { ...usual, passes: Number(positionals[0] ?? usual.passes) };
  const parts = chosenParts(PARTS, USUAL, values.only);
  const folder = makeScratch(values.folder, DISK_BYTES);
  const guard = new Guard(folder, "remove");
  const tell = (text: string): void => void process.stderr.write(`${text}\n`);
  try {
    tell("building event-ruler and a-tree");
    const built = await buildPeers(join(folder, "sets"), join(folder, "classes"));
    for (const set of new Set([...extent.sets, extent.small, extent.large])) writeSet(built.data, set);
    const site: Site = { extent, built, folder, core: lastCore(), tell };
    for (const part of parts) {
      const [title, measurePart] = PARTS[part];
      printPart(title, await measurePart(site), machineLoad());
    }
  } finally {
    await guard.end();
  }
}

/** Of those that this process may use. The first one gets more of the machine's other work. */
function lastCore(): number {
  const [, list = "0"] = /^Cpus_allowed_list:\s*(\S+)$/mu.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(list.split(/[,-]/u).at(-1));
}
