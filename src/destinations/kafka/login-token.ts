/**
 * Tokens for OAUTHBEARER: from a file, or from a token endpoint by client credentials.
 *
 * Promise: a token and a client secret are in no text and no error. An answer is bounded in bytes and time, and no
 * redirect is followed, so that the secret goes to the address in the configuration and nowhere else.
 * @see RFC 6749, sections 2.3.1 and 4.4
 */
import { readFile, stat } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { SidestreamError } from "../../errors.ts";
import { errorCodes } from "./error-chain.ts";
import { trustedCertificates } from "./tls.ts";

/** Tokens with many claims reach some tens of KiB; Kafka itself takes 512 KiB in a login. */
const TOKEN_BYTES_MAX = 64 * 1024;
const TOKEN_MS_MAX = 10_000;
/** The part of a token's life during which it is used again: what is left is for the login that it begins. */
const TOKEN_LIFE_USED = 0.8;

/** What may stand in a bearer token (RFC 6750); anything else would break out of the login's message. */
const TOKEN = /^[A-Za-z0-9._~+/=-]+$/;

export type TokenSource = (signal: AbortSignal) => Promise<string>;

/** A token from a file, read each time. */
export function tokenFromFile(path: string): TokenSource {
  return async () => {
    let text: string;
    try {
      const { size } = await stat(path);
      if (size > TOKEN_BYTES_MAX) throw failed(`the token file ${path} holds more than ${TOKEN_BYTES_MAX} bytes`);
      text = await readFile(path, "utf8");
    } catch (cause) {
      if (cause instanceof SidestreamError) throw cause;
      throw failed(`cannot read the token file ${path}: ${errorCodes(cause)[0] ?? "failed"}`, cause);
    }
    const token = text.trim();
    if (!TOKEN.test(token)) throw failed(`the file ${path} holds no token`);
    return token;
  };
}

export interface TokenEndpoint {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string | undefined;
}

/** A token from a token endpoint, kept while it is good for another login. Concurrent calls share one request. */
export function tokenFromEndpoint(endpoint: TokenEndpoint, now: () => number = Date.now): TokenSource {
  let kept: { readonly token: string; readonly untilMs: number } | undefined;
  let asking: Promise<string> | undefined;
  const ask = async (signal: AbortSignal): Promise<string> => {
    const begunMs = now();
    const { token, lifeSeconds } = await fetchToken(endpoint, signal);
    kept = { token, untilMs: begunMs + lifeSeconds * 1_000 * TOKEN_LIFE_USED };
    return token;
  };
  return (signal) => {
    if (kept !== undefined && now() < kept.untilMs) return Promise.resolve(kept.token);
    asking ??= ask(signal).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

function failed(text: string, cause?: unknown): SidestreamError {
  return new SidestreamError("SST_DESTINATION_LOGIN", text, cause === undefined ? undefined : { cause });
}

async function fetchToken(endpoint: TokenEndpoint, signal: AbortSignal): Promise<{ token: string; lifeSeconds: number }> {
  const { tokenUrl } = endpoint;
  let status: number;
  let text: string;
  try {
    const response = await post(endpoint, AbortSignal.any([signal, AbortSignal.timeout(TOKEN_MS_MAX)]));
    status = response.statusCode ?? 0;
    text = await bounded(response, tokenUrl);
  } catch (cause) {
    if (cause instanceof SidestreamError) throw cause;
    const why = cause instanceof Error && cause.name === "AbortError" ? "no answer in time" : (errorCodes(cause)[0] ?? "failed");
    throw new SidestreamError("SST_DESTINATION_UNREACHABLE", `the token endpoint ${tokenUrl} can't be reached: ${why}`, { cause });
  }
  const answer = asObject(text);
  if (status !== 200) {
    // RFC 6749, 5.2: these names are the endpoint's reason, such as invalid_client.
    const reason = typeof answer?.error === "string" && /^[\w.-]{1,64}$/.test(answer.error) ? ` ${answer.error}` : "";
    const text = `the token endpoint ${tokenUrl} gave no token: status ${status}${reason}`;
    throw status >= 500 || status === 429 ? new SidestreamError("SST_DESTINATION_UNREACHABLE", text) : failed(text);
  }
  const { access_token: token, expires_in: life } = answer ?? {};
  if (typeof token !== "string" || !TOKEN.test(token)) throw failed(`the token endpoint ${tokenUrl} answered without a token`);
  // Some endpoints write the number as a text. Without it the token is used once.
  const lifeSeconds = Number(life);
  return { token, lifeSeconds: Number.isFinite(lifeSeconds) && lifeSeconds > 0 ? lifeSeconds : 0 };
}

function post({ tokenUrl, clientId, clientSecret, scope }: TokenEndpoint, signal: AbortSignal): Promise<IncomingMessage> {
  const url = new URL(tokenUrl);
  const body = new URLSearchParams({ grant_type: "client_credentials", ...(scope === undefined ? {} : { scope }) }).toString();
  const credentials = [clientId, clientSecret].map((part) => new URLSearchParams({ "": part }).toString().slice(1)).join(":");
  const options = {
    method: "POST",
    // A connection of its own: nothing is left that keeps the process alive.
    agent: false as const,
    signal,
    headers: {
      Authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
      "Content-Type": "application/x-www-form-urlencoded",
      "Content-Length": Buffer.byteLength(body),
      Accept: "application/json",
    },
  };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = url.protocol === "https:" ? httpsRequest(url, { ...options, ca: trustedCertificates() }) : httpRequest(url, options);
  request.once("response", resolve);
  request.once("error", reject);
  request.end(body);
  return promise;
}

async function bounded(response: IncomingMessage, tokenUrl: string): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > TOKEN_BYTES_MAX) {
      response.destroy();
      throw failed(`the token endpoint ${tokenUrl} answered with more than ${TOKEN_BYTES_MAX} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function asObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
