/** Damages a spool on disk, as a bad disk would. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Flips a byte in the middle of the first segment's frames. */
export function damageMiddle(folder: string): void {
  const name = readdirSync(folder).find((candidate) => candidate.endsWith(".segment")) ?? "";
  const bytes = readFileSync(join(folder, name));
  const at = Math.floor((8192 + bytes.length) / 2);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
  writeFileSync(join(folder, name), bytes);
}

/** Takes away what was in the way. */
export function fix(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
