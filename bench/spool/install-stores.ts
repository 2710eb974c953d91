/** The other stores have a folder of their own with its own lock file, so that nobody installs them who runs no bench. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../stores");
const STAMP = join(FOLDER, "node_modules/.lock-hash");

/** Installs what the lock file names, unless it is there. Nothing is compiled: the packages bring their programs. */
export function installStores(tell: (text: string) => void): void {
  const wanted = createHash("sha256")
    .update(readFileSync(join(FOLDER, "package-lock.json")))
    .digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  tell("installing the other stores");
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: FOLDER, stdio: "inherit" });
  writeFileSync(STAMP, wanted);
}
