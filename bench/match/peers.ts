/** The contestants, ours and others: how each is built and started. Others are kept in `.peers` once they are built. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventRulerClassPath, PEERS_FOLDER } from "../../tools/event-ruler/jars.ts";
import { needCommands } from "../../tools/maven.ts";
import type { Launch } from "./contestant.ts";
import type { Given, Way } from "./our-contestant.ts";
import { TENANT, type RuleClass } from "./rules.ts";
import { FILES, type SetName } from "./workload.ts";

const run = promisify(execFile);

/** With link-time optimization; a slow line and a busy machine included. */
const BUILD_MS_MAX = 900_000;
/** What heap is there costs event-ruler nothing; on one core a collector with threads would only be in its own way. */
const JAVA = ["-Xmx6g", "-XX:+UseSerialGC"];
/** Event-ruler goes through attributes in the order of names, and is faster when the tenant comes first. */
const TENANT_FIRST = `0${TENANT.slice(1)}`;

/** What it is fed with: text or bytes as they come from outside, or objects made of them before. */
export type Input = "raw" | "parsed";

export interface Entry {
  readonly name: string;
  readonly peer: "Sidestream" | "event-ruler" | "a-tree";
  readonly input: Input;
  readonly launch: (set: SetName, ruleClass: RuleClass) => Launch;
}

export interface Built {
  /** Folder of the sets. */
  readonly data: string;
  /** Folder of the compiled classes. */
  readonly classes: string;
  readonly classPath: string;
  readonly tree: string;
}

/**
 * Builds what the bench compares with.
 *
 * @param classes - A folder for what javac makes.
 * @throws Error that names what this machine lacks, or tells what a build said.
 */
export async function buildPeers(data: string, classes: string): Promise<Built> {
  await needCommands(["taskset", "setpriv"]);
  await needCommands(["cargo"]).catch((cause: unknown) => {
    throw new Error("this machine lacks cargo, which builds a-tree: install Rust, as rustup.rs says", { cause });
  });
  const classPath = await eventRulerClassPath().catch((cause: unknown) => {
    throw new Error(`event-ruler can't be had: ${String(cause)}. On Debian: apt install default-jdk-headless maven`, { cause });
  });
  await run("javac", ["-cp", classPath, "-d", classes, join(import.meta.dirname, "java/Contestant.java")]);
  const manifest = join(import.meta.dirname, "a-tree/Cargo.toml");
  const target = join(PEERS_FOLDER, "a-tree");
  await run("cargo", ["build", "--quiet", "--release", "--locked", "--manifest-path", manifest, "--target-dir", target], {
    timeout: BUILD_MS_MAX,
  });
  return { data, classes, classPath, tree: join(target, "release/a-tree-contestant") };
}

const OURS: Readonly<Record<Way, { readonly name: string; readonly input: Input }>> = {
  json: { name: "Sidestream, JSON bytes", input: "raw" },
  pairs: { name: "Sidestream, pairs", input: "parsed" },
  objects: { name: "Sidestream, objects", input: "parsed" },
};

export function ours({ data }: Built, way: Way): Entry {
  const file = join(import.meta.dirname, "our-contestant.ts");
  return {
    ...OURS[way],
    peer: "Sidestream",
    launch: (set, ruleClass) => {
      const given: Given = { eventsFile: join(data, set, FILES.events), rulesFile: join(data, set, FILES.ours(ruleClass)), way };
      return { name: OURS[way].name, command: process.execPath, arguments: ["--expose-gc", file, JSON.stringify(given)] };
    },
  };
}

/** @param tenantFirst - The tenant's attribute is renamed, so that its name comes before all others. */
export function eventRuler({ data, classes, classPath }: Built, mode: "json" | "node", tenantFirst: boolean): Entry {
  const name = `event-ruler, ${mode === "json" ? "JSON text" : "parsed"}${tenantFirst ? ", tenant first" : ""}`;
  return {
    name,
    peer: "event-ruler",
    input: mode === "json" ? "raw" : "parsed",
    launch: (set, ruleClass) => {
      const files = [join(data, set, FILES.events), join(data, set, FILES.rulers(ruleClass))];
      const given = ["-cp", `${classes}:${classPath}`, "Contestant", ...files, mode, tenantFirst ? TENANT_FIRST : TENANT];
      return { name, command: "java", arguments: [...JAVA, ...given] };
    },
  };
}

export function tree({ data, tree: command }: Built, mode: "json" | "pairs"): Entry {
  const name = `a-tree, ${mode === "json" ? "JSON text" : "pairs"}`;
  return {
    name,
    peer: "a-tree",
    input: mode === "json" ? "raw" : "parsed",
    launch: (set, ruleClass) => ({
      name,
      command,
      arguments: [join(data, set, FILES.events), join(data, set, FILES.trees(ruleClass)), mode],
    }),
  };
}
