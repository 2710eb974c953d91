/**
 * What one webhook post says: its topic, its wallet, its payload.
 *
 * Promise: anything that is not exactly what an agent sends is refused with a reason, before it is stored.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isTopic, WALLET } from "../../driver/agent-event.ts";
import type { Answer } from "../../driver/http-answer.ts";
import type { WebhookKeys } from "./webhook-keys.ts";

/** `{any prefix}/topic/{topic}/`, with or without the last slash. */
const PATH = /\/topic\/([^/]{1,768})\/?$/;

export interface WebhookHead {
  readonly topic: string;
  readonly wallet: string | null;
}

/** Reads target, method and fields. */
export function readHead(request: IncomingMessage, keys: WebhookKeys): WebhookHead | Answer {
  const topic = topicOf(request.url ?? "");
  if (topic === undefined) return { status: 404, code: "SST_REQUEST_INVALID", message: "expected a path that ends in /topic/NAME/" };
  if (request.method !== "POST") {
    return { status: 405, code: "SST_REQUEST_INVALID", message: "events are sent with POST", headers: ["Allow", "POST"] };
  }
  const wallets = valuesOf(request, "x-wallet-id");
  const wallet = wallets[0] ?? null;
  if (!keys.allow(valuesOf(request, "x-api-key"), wallet)) {
    return { status: 401, code: "SST_REQUEST_UNAUTHORIZED", message: "x-api-key is missing, wrong or that of another wallet" };
  }
  if (wallets.length > 1 || (wallet !== null && !WALLET.test(wallet))) {
    return { status: 400, code: "SST_REQUEST_INVALID", message: "x-wallet-id stands there twice or is no wallet id" };
  }
  return { topic, wallet };
}

export function isAnswer(value: WebhookHead | Answer): value is Answer {
  return "status" in value;
}

/** True for UTF-8 text that is one JSON value. Its depth costs no stack: the parser keeps its own. */
export function isJson(body: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
    return true;
  } catch {
    return false;
  }
}

/**
 * Id of an event: the same again when the agent repeats the post, for it sends none of its own.
 *
 * @returns 32 hex digits of SHA-256 over wallet, topic and body.
 */
export function eventId({ wallet, topic }: WebhookHead, body: Buffer): string {
  return createHash("sha256")
    .update(`${wallet ?? ""}\0${topic}\0`)
    .update(body)
    .digest("hex")
    .slice(0, 32);
}

function topicOf(target: string): string | undefined {
  const [path = ""] = target.split(/[?#]/, 1);
  const encoded = PATH.exec(path)?.[1];
  if (encoded === undefined) return undefined;
  try {
    const topic = decodeURIComponent(encoded);
    return isTopic(topic) ? topic : undefined;
  } catch {
    return undefined;
  }
}

function valuesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
