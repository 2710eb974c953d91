/** Interim (1xx) responses of the upstream, on their way to a client that understands them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { endToEnd, fieldValue } from "./headers.ts";

/** Interim responses passed on for one request; an upstream that sends more has lost its way. */
const INTERIM_MAX = 64;

/**
 * Passes one on, if it may be: to HTTP/1.1 only, before the response, and 100 only to who asked for it.
 *
 * @param number - Which one of this request's it is, from 1.
 */
export function passInterim(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  rawHeaders: readonly string[],
  number: number,
): void {
  if (request.httpVersion !== "1.1" || response.headersSent || response.destroyed || number > INTERIM_MAX) return;
  if (status === 100) {
    if (fieldValue(request.rawHeaders, "expect") !== undefined) response.writeContinue();
    return;
  }
  try {
    response.writeInformation(
      status,
      endToEnd(rawHeaders, () => false, false),
    );
  } catch {
    // A field that can't be written again: an interim response may be left out.
  }
}
