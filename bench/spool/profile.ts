/** Where the time of appending goes: self time by function and by module, of the process's main thread. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { whole } from "../figures.ts";
import { profileTables, PROFILE_ARGUMENTS } from "../kafka/profile.ts";
import { appendTo } from "./append.ts";
import { withFolder, type Found, type Site } from "./site.ts";

const APPENDERS = 1024;

export async function profile(site: Site): Promise<Found> {
  return withFolder(site, "profile", async (folder) => {
    const told = await appendTo(site, { store: "log", isGivenBytes: false, appenders: APPENDERS, folder: join(folder, "data") }, [
      ...PROFILE_ARGUMENTS,
      "--cpu-prof-dir",
      folder,
    ]);
    const file = readdirSync(folder).find((name) => name.endsWith(".cpuprofile")) ?? "";
    const { perSecond, cpuPerMillion, messages } = told;
    const head = `${whole(APPENDERS)} appenders, ${whole(messages)} messages with those of the start, profiled: ${whole(perSecond)}/s, ${cpuPerMillion.toFixed(1)} CPU s per million (all threads)\n`;
    return { text: `${head}\n${profileTables(join(folder, file), messages)}`, figures: told };
  });
}
