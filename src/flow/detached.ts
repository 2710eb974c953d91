/** Makes a string that doesn't hold on to the text it was cut out of: what is kept of an event must not keep its whole body. */
export function detached(text: string): string {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0xff) return Buffer.from(text, "utf16le").toString("utf16le");
  return Buffer.from(text, "latin1").toString("latin1");
}
