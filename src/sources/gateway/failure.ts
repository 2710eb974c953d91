/** What a failed upstream request means: for the client, for the record, and whether it may be repeated. */
import type { ClientRequest } from "node:http";
import type { Outcome } from "../../driver/source.ts";
import type { Answer } from "../../driver/http-answer.ts";
import { UpstreamTimeout } from "./upstream.ts";

/** Methods that may be repeated without a further effect. RFC 9110, section 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** True when a pooled connection had been closed by the upstream, so that the request may go out once more. */
export function isStale(request: ClientRequest, error: Error): boolean {
  const code = errorCode(error);
  return request.reusedSocket && IDEMPOTENT.has(request.method) && (code === "ECONNRESET" || code === "EPIPE");
}

/**
 * The answer for the client and the outcome for the record.
 *
 * @param connected - The upstream may have seen the request.
 */
export function classify(connected: boolean, error: Error): { readonly answer: Answer; readonly outcome: Outcome } {
  if (error instanceof UpstreamTimeout) {
    const outcome = error.phase === "connect" ? "upstream-unreachable" : "upstream-aborted";
    return { answer: { status: 504, code: "SST_UPSTREAM_TIMEOUT", message: error.message }, outcome };
  }
  const code = errorCode(error);
  if (code.startsWith("HPE_")) {
    return {
      answer: { status: 502, code: "SST_UPSTREAM_BROKEN", message: "the upstream's answer is not valid HTTP" },
      outcome: "upstream-aborted",
    };
  }
  if (connected) {
    const message = "the upstream closed the connection before it answered";
    return { answer: { status: 502, code: "SST_UPSTREAM_BROKEN", message }, outcome: "upstream-aborted" };
  }
  const message = `the upstream can't be reached${code === "" ? "" : ` (${code})`}`;
  return { answer: { status: 502, code: "SST_UPSTREAM_UNREACHABLE", message }, outcome: "upstream-unreachable" };
}

function errorCode(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
