/**
 * Opens files of a journal's folder, into which its writer can put what it likes.
 *
 * Promise: no link is followed, so nothing outside is read or written; and what isn't a regular file, such as a pipe,
 * is refused at once.
 */
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

/** @throws As `node:fs` does, `ELOOP` for a link; or an Error that names what is no regular file. */
export async function openRegular(path: string, flags: number, mode?: number): Promise<FileHandle> {
  const file = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, mode);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error(`${path} is no regular file`);
}

/** The text of a small file: what is longer is cut. @throws As `openRegular`. */
export async function readSmallFile(path: string, bytesMax: number): Promise<string> {
  const file = await openRegular(path, constants.O_RDONLY);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(bytesMax), 0, bytesMax, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
