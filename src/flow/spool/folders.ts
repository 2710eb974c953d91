/** Where logs lie in the data folder, and which names in there are none. */

/** Messages, one folder for each destination. */
export const SPOOL_FOLDER = "spool";
/** Dead letters, likewise. */
export const DEAD_FOLDER = "dead";
/** Segments that left a destination's log, where it retains them. */
export const ARCHIVE_FOLDER = "archive";
export const LOG_PARENTS = [SPOOL_FOLDER, DEAD_FOLDER, ARCHIVE_FOLDER] as const;
/** Before the name of a log that is being removed. No destination's name begins with a dot. */
export const PURGED_PREFIX = ".purged-";

/** False for what is left of a removal that was cut short. */
export function isLogFolder(name: string): boolean {
  return !name.startsWith(PURGED_PREFIX);
}
