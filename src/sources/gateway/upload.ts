/** The request's body on its way to the upstream, with back-pressure from it to the client. */
import type { ClientRequest, IncomingMessage } from "node:http";
import { trailerPairs } from "./headers.ts";
import { resumeAfterWait } from "./resume.ts";
import type { BodyTap } from "./tap.ts";

/** Sends the body and the trailers of a request on. Ends the upstream request. */
export function sendUpload(request: IncomingMessage, upstreamRequest: ClientRequest, tap: BodyTap | null): void {
  request.on("data", (chunk: Buffer) => {
    // Bytes that come after the upstream was given up are read away: the client may still want the answer.
    if (upstreamRequest.destroyed) return;
    tap?.add(chunk);
    if (upstreamRequest.write(chunk)) return;
    request.pause();
    upstreamRequest.once("drain", () => resumeAfterWait(request));
  });
  request.once("end", () => {
    if (upstreamRequest.destroyed) return;
    if (request.rawTrailers.length > 0) upstreamRequest.addTrailers(trailerPairs(request.rawTrailers));
    upstreamRequest.end();
  });
}
