/** Where the sending process spends its main thread's time: self time by function and by module. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { markdownTable } from "../figures.ts";
import { IN_FLIGHT_DEFAULT, sendSpool } from "./from-spool.ts";
import { withFolder } from "../scratch.ts";
import type { Site } from "./site.ts";

const ROOT = join(import.meta.dirname, "../..");
const FUNCTIONS_SHOWN = 30;
const MODULES_SHOWN = 15;
const INTERVAL_US = 250;
/** For a Node process that is to be profiled; its folder comes with them. */
export const PROFILE_ARGUMENTS = ["--cpu-prof", "--cpu-prof-interval", String(INTERVAL_US)] as const;
const IDLE = "(idle)";

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export async function profile(site: Site): Promise<string> {
  return withFolder(site, "profile", async (folder) => {
    const arguments_ = [...PROFILE_ARGUMENTS, "--cpu-prof-dir", folder];
    const { perSecond, cpuSeconds } = await sendSpool(site, "profiled", { inFlightMax: IN_FLIGHT_DEFAULT, nodeArguments: arguments_ });
    const [file = ""] = readdirSync(folder);
    const { messages } = site.extent;
    const head = `${messages} messages, profiled: ${perSecond.toFixed(0)}/s, ${cpuSeconds.toFixed(1)} CPU s per million (all threads)\n`;
    return `${head}\n${profileTables(join(folder, file), messages)}`;
  });
}

/** Self time by function and by module, per message. */
export function profileTables(file: string, messages: number): string {
  const read = JSON.parse(readFileSync(file, "utf8")) as CpuProfile;
  const functions = table(selfTimes(read, functionName), messages, FUNCTIONS_SHOWN, "function");
  const modules = table(selfTimes(read, moduleName), messages, MODULES_SHOWN, "module");
  return `${functions}\n${modules}`;
}

type Frame = CpuProfile["nodes"][number]["callFrame"];

/** Microseconds by name. */
function selfTimes({ nodes, samples, timeDeltas }: CpuProfile, nameOf: (frame: Frame) => string): ReadonlyMap<string, number> {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? "";
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[at] ?? 0));
  }
  return times;
}

function functionName({ functionName, url, lineNumber }: Frame): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  return url === "" ? name : `${name} ${path(url)}:${lineNumber + 1}`;
}

function moduleName({ functionName, url }: Frame): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "(native)";
  return path(url);
}

function path(url: string): string {
  return url.startsWith("file:") ? relative(ROOT, fileURLToPath(url)) : url;
}

function table(times: ReadonlyMap<string, number>, messages: number, shown: number, what: string): string {
  const busy = [...times].filter(([name]) => name !== IDLE).toSorted(([, left], [, right]) => right - left);
  const total = busy.reduce((sum, [, time]) => sum + time, 0);
  const idle = times.get(IDLE) ?? 0;
  const row = (name: string, time: number): string[] => [name, (time / messages).toFixed(2), `${((time / total) * 100).toFixed(1)} %`];
  const body = busy.slice(0, shown).map(([name, time]) => row(name, time));
  const head = [`self time by ${what}`, "µs/message", "of busy"];
  return markdownTable([head, row("all, but idle", total), ["idle", (idle / messages).toFixed(2), ""], ...body]);
}
