/**
 * Sorts what Kafka and its client report into errors that the flow can act on.
 *
 * Promise: every text is one line, of bounded length, and holds no secret. It loads nothing of the client, so that who
 * doesn't use Kafka needn't either: errors are told by their codes.
 */
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { brokerCode } from "./broker-codes.ts";
import { errorChain, errorCodes, isTimeout } from "./error-chain.ts";

/** A broker's own words are quoted up to here: enough for a reason, too little to flood a log. */
const QUOTE_LENGTH_MAX = 300;

/** What was under way: nothing sent yet, a question that changes nothing, or messages that may have been written. */
export type Stage = "connect" | "ask" | "write";

const SYSTEM_CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there (ECONNREFUSED)",
  ECONNRESET: "the other side cut the connection (ECONNRESET)",
  EPIPE: "the other side closed the connection (EPIPE)",
  ENOTFOUND: "DNS does not know this name (ENOTFOUND)",
  EAI_AGAIN: "DNS does not answer (EAI_AGAIN)",
  ETIMEDOUT: "no answer in time (ETIMEDOUT)",
  EHOSTUNREACH: "no route to this host (EHOSTUNREACH)",
  ENETUNREACH: "no route to this network (ENETUNREACH)",
  EACCES: "this machine forbids the connection (EACCES)",
};

/** A broker's words, fit for one line of a log. */
export function quoted(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must not reach a log.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").slice(0, QUOTE_LENGTH_MAX);
}

/**
 * The error for a code that a broker gave.
 *
 * @param text - What was being done and where, such as `broker k1:9092: writing to orders-3`.
 */
export function brokerError(
  code: number,
  text: string,
  options: { readonly cause?: unknown; readonly said?: string | null | undefined } = {},
): SidestreamError {
  const { name, error, means } = brokerCode(code);
  const said = options.said ? `, "${quoted(options.said)}"` : "";
  return new SidestreamError(error, `${text}: ${means} (${name}${said})`, "cause" in options ? { cause: options.cause } : undefined);
}

/**
 * The error for anything that the client threw. One of ours, at any depth, is given back as it is.
 *
 * @param doing - What was being done and where, such as `broker k1:9092: writing to orders-3`.
 * @param stage - What it means when the connection went meanwhile: `write` leaves in doubt what was sent.
 */
export function destinationError(cause: unknown, doing: string, stage: Stage = "write"): SidestreamError {
  const chain = errorChain(cause);
  for (const error of chain) if (isSidestreamError(error)) return error;
  for (const error of chain) {
    if (!("apiCode" in error) || typeof error.apiCode !== "number") continue;
    const said = "serverErrorMessage" in error && typeof error.serverErrorMessage === "string" ? error.serverErrorMessage : null;
    return brokerError(error.apiCode, doing, { cause, said });
  }
  const codes = errorCodes(cause);
  // A login that a lost connection cut short is wrapped as if it had been refused: what is innermost counts.
  if (codes.findLast((code) => code === "PLT_KFK_AUTHENTICATION" || code === "PLT_KFK_NETWORK") === "PLT_KFK_AUTHENTICATION") {
    const text = chain.findLast((error) => error instanceof Error)?.message ?? "";
    return new SidestreamError("SST_DESTINATION_LOGIN", `${doing}: the login failed: ${quoted(text)}`, { cause });
  }
  if (codes.includes("PLT_KFK_UNSUPPORTED_COMPRESSION")) {
    return new SidestreamError("SST_LANE_UNAVAILABLE", `${doing}: this Node can't do the compression chosen: set another \`compression\``, {
      cause,
    });
  }
  return new SidestreamError(
    stage === "write" ? "SST_DESTINATION_UNSURE" : "SST_DESTINATION_UNREACHABLE",
    `${doing}: ${lost(cause, codes)}`,
    {
      cause,
    },
  );
}

/** How a connection was lost, in words. */
function lost(cause: unknown, codes: readonly string[]): string {
  const known = codes.findLast((code) => code in SYSTEM_CODES);
  if (known !== undefined) return SYSTEM_CODES[known] ?? known;
  if (isTimeout(cause)) return "no answer in time";
  const last = errorChain(cause).findLast((error) => error instanceof Error);
  if (last?.name === "AbortError") return "given up waiting";
  return last === undefined ? "failed" : quoted(last.message) || "failed";
}
