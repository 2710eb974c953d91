/**
 * Opens files of a journal's folder, into which its writer can put what it likes.
 *
 * Promise: no link is followed, so nothing outside is read or written; and what isn't a regular file, such as a pipe,
 * is refused at once.
 */
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import type { z } from "zod";

const SMALL_BYTES_MAX = 64 * 1024;

/** @throws As `node:fs` does, `ELOOP` for a link; or an Error that names what is no regular file. */
export async function openRegular(path: string, flags: number, mode?: number): Promise<FileHandle> {
  const file = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, mode);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error(`${path} is no regular file`);
}

/**
 * What a small JSON file says; of one that is too large a part is read, which is no JSON.
 *
 * @returns Null when there is none, or it isn't what was expected.
 * @throws As `openRegular`.
 */
export async function readSmallJson<Content>(path: string, schema: z.ZodType<Content>): Promise<Content | null> {
  try {
    const file = await openRegular(path, constants.O_RDONLY);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(SMALL_BYTES_MAX), 0, SMALL_BYTES_MAX, 0);
      return parseJson(buffer.toString("utf8", 0, bytesRead), schema);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** @returns Null when it is no JSON, or isn't what was expected. */
export function parseJson<Content>(text: string, schema: z.ZodType<Content>): Content | null {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
