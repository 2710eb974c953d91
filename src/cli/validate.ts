/**
 * `sidestream validate FILE...`: checks configurations and message stream descriptors without starting anything.
 *
 * Findings are the answer and go to standard output; the count goes to standard error. Nothing is opened but files.
 */
import type { Environment } from "../config/secrets.ts";
import type { TextOutput } from "./output.ts";
import { Validation } from "./validation.ts";

export interface ValidateOptions {
  readonly json: boolean;
  /** What `${env:NAME}` is looked up in; the process's own when absent. */
  readonly environment?: Environment;
}

const EXIT_OK = 0;
/** As `run` would end over the same files. */
export const EXIT_INVALID = 78;
export const EXIT_USAGE = 2;

/**
 * @param files - Configurations, descriptors and assignments files, told apart by content.
 * @returns Exit status: 0 all valid, 78 errors were found, 2 no file was named. Warnings don't count as errors.
 */
export async function runValidate(files: readonly string[], options: ValidateOptions, out: TextOutput): Promise<number> {
  if (files.length === 0) {
    out.stderr("validate: name the files to check: `sidestream validate sidestream.yaml streams/*.yaml`\n");
    return EXIT_USAGE;
  }
  const validation = await validateFiles(files, options.environment);
  if (options.json) out.stdout(`${JSON.stringify(validation.report(), null, 2)}\n`);
  else validation.print(out);
  return validation.findings.errorCount === 0 ? EXIT_OK : EXIT_INVALID;
}

/** Looks at each file once. */
export async function validateFiles(files: readonly string[], environment: Environment = process.env): Promise<Validation> {
  const validation = new Validation(environment);
  for (const file of new Set(files)) await validation.checkFile(file);
  return validation;
}
