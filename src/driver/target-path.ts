/** The path of a request target, as routes see it. */

/** Longer paths belong to nobody: matching must stay cheap whatever the internet sends. */
export const PATH_CHARACTERS_MAX = 8 * 1024;

/** Without query and fragment, and without scheme and host where a client sent those; nothing is decoded or folded. */
export function targetPath(target: string): string {
  const end = target.search(/[?#]/);
  const path = end < 0 ? target : target.slice(0, end);
  if (path.startsWith("/")) return path;
  const authority = path.indexOf("://");
  if (authority <= 0) return path;
  const slash = path.indexOf("/", authority + 3);
  return slash < 0 ? "/" : path.slice(slash);
}
