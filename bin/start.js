/**
 * Starts the program, or says that this Node is too old for it. Plain JavaScript that an old Node can read too.
 */
import { existsSync } from "fs";
import { fileURLToPath, pathToFileURL } from "url";

const NODE_MAJOR_NEEDED = 24;
/** Exit status of a wrong configuration, as in the table of errors. */
const EXIT_CONFIGURATION = 78;

function here(path) {
  return fileURLToPath(new URL(path, import.meta.url));
}

/** A clone runs its sources, so that an old build never hides a change; the published package has only the build. */
function program() {
  const sources = here("../src/cli/main.ts");
  return existsSync(sources) ? sources : here("../dist/cli/main.js");
}

if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_NEEDED) {
  // The program reads its arguments from argv as if it had been started itself.
  process.argv[1] = program();
  void import(pathToFileURL(program()).href);
} else {
  process.stderr.write(
    "sidestream needs Node " +
      NODE_MAJOR_NEEDED +
      " or newer; this is " +
      process.version +
      " (" +
      process.execPath +
      ").\n" +
      "In a clone, `npm ci` brings the right one. Elsewhere install it from https://nodejs.org/en/download, or with\n" +
      "`npm install --global node@" +
      NODE_MAJOR_NEEDED +
      "`, and run the command again.\n",
  );
  process.exitCode = EXIT_CONFIGURATION;
}
