/**
 * The text that stands for a message where there is no place for protocol headers: a line of a file, of a pipe.
 *
 * Promise: nothing that a CloudEvent says is lost, whichever form its stream gives it.
 */
import type { OutgoingMessage } from "./destination.ts";

const PREFIX = "ce_";
const JSON_TYPE = "application/json";

/**
 * A CloudEvent in binary form, its data JSON, becomes the same event in structured form. Anything else is its value, as
 * it is. Other headers have no place in either.
 */
export function messageText({ headers, value }: Pick<OutgoingMessage, "headers" | "value">): Buffer {
  const isBinary = headers.some(([name]) => name === "ce_specversion");
  if (!isBinary || !headers.some(([name, text]) => name === "content-type" && text === JSON_TYPE)) return value;
  let json = "{";
  for (const [name, text] of headers) {
    const attribute = name === "content-type" ? "datacontenttype" : name.startsWith(PREFIX) ? name.slice(PREFIX.length) : null;
    if (attribute !== null) json += `${JSON.stringify(attribute)}:${JSON.stringify(text)},`;
  }
  return Buffer.concat([Buffer.from(`${json}"data":`), value, Buffer.from("}")]);
}
