/**
 * Finds a worker's script: `.ts` in the repository, `.js` in the built package.
 */

/**
 * @param path - Relative path without extension: `./engine-worker`.
 * @param base - The caller's `import.meta.url`; its extension decides.
 */
export function workerUrl(path: string, base: string): URL {
  const extension = new URL(base).pathname.endsWith(".ts") ? ".ts" : ".js";
  return new URL(`${path}${extension}`, base);
}
