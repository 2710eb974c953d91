/**
 * Walks an error with all that it wraps.
 *
 * The client nests errors by `cause` and by `errors`, sometimes both, and what an error says of itself at the top
 * (`canRetry`, `code`) may be missing there; what matters may be at any depth.
 */

/** Errors nest a few deep; a cycle must not hang us. */
const ERRORS_MAX = 100;

/** The error itself, then what it wraps, outermost first. */
export function errorChain(error: unknown): readonly object[] {
  const found: object[] = [];
  const waiting: unknown[] = [error];
  for (let next = 0; next < waiting.length && found.length < ERRORS_MAX; next++) {
    const one = waiting[next];
    if (typeof one !== "object" || one === null || found.includes(one)) continue;
    found.push(one);
    if ("errors" in one && Array.isArray(one.errors)) waiting.push(...one.errors);
    if ("cause" in one) waiting.push(one.cause);
  }
  return found;
}

/** The text `code` of each error of the chain that has one. */
export function errorCodes(error: unknown): readonly string[] {
  return errorChain(error).flatMap((one) => ("code" in one && typeof one.code === "string" ? [one.code] : []));
}

/** True when time ran out: the client's own error for it has the code of a lost connection. */
export function isTimeout(error: unknown): boolean {
  return errorChain(error).some((one) => one.constructor.name === "TimeoutError" || ("name" in one && one.name === "TimeoutError"));
}
