/** Writes schemas/*.json and the reference tables of the docs anew: `node src/config/write-schemas.ts`. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { registerBuiltInDrivers } from "../drivers.ts";
import { generatedFiles } from "./generated-files.ts";

registerBuiltInDrivers();
const root = join(import.meta.dirname, "../..");
for (const [path, content] of await generatedFiles(root)) {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
  process.stdout.write(`${path}\n`);
}
