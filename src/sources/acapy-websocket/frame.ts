/**
 * What one frame of the admin WebSocket says.
 *
 * Promise: the payload is taken out byte for byte as the agent wrote it, so that no number or name in it changes. What is
 * neither an event nor one of the agent's own signs of life is told as such, with a reason.
 */
import { isTopic, WALLET } from "../../driver/agent-event.ts";
import { memberText } from "./member-text.ts";

export type Frame =
  | { readonly kind: "event"; readonly topic: string; readonly wallet: string | null; readonly payload: Buffer }
  /** A sign of life. `isAllowed`: whether the agent took the key; null where it doesn't say. */
  | { readonly kind: "idle"; readonly isAllowed: boolean | null }
  | { readonly kind: "bad"; readonly reason: string };

export function readFrame(data: Buffer): Frame {
  const text = data.toString("utf8");
  const frame = parsed(text);
  if (frame === null) return bad("it is no JSON object");
  const { topic, payload, wallet_id: wallet = null, authenticated } = frame;
  if (typeof topic !== "string" || !isTopic(topic)) return bad("it has no topic, or an odd one");
  if (topic === "settings") return { kind: "idle", isAllowed: allowed(valueIn(payload, "authenticated")) };
  // The agent's sign of life has the name of a trust ping, but nothing in it.
  if (payload === undefined) return topic === "ping" ? { kind: "idle", isAllowed: allowed(authenticated) } : bad("it has no payload");
  if (wallet !== null && !(typeof wallet === "string" && WALLET.test(wallet))) return bad("its wallet_id is none");
  return { kind: "event", topic, wallet, payload: Buffer.from(memberText(text, "payload")) };
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function valueIn(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined;
}

function allowed(value: unknown): boolean | null {
  return typeof value === "boolean" ? value : null;
}

function bad(reason: string): Frame {
  return { kind: "bad", reason };
}
