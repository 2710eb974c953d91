/** Whether a name still leads to the file that it led to, for as long as somebody has that one open. */
import { stat } from "node:fs/promises";

/** What no other file has meanwhile. */
export function identityOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}/${ino}`;
}

/** False: it leads to another file, or to none. True where that can't be told. */
export async function isInPlace(path: string, identity: string): Promise<boolean> {
  try {
    return identityOf(await stat(path)) === identity;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}
