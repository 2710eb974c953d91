/**
 * WebSocket connections, once the upstream agreed: two blind pipes.
 *
 * Promise: bytes pass both ways until one side ends, also those that came with the heads. Nothing of them is captured;
 * each tunnel is counted as a `stream` loss of its route.
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { fieldValue, hasBody, headText } from "./headers.ts";

/** The client's connection, taken from the HTTP server for an upgrade, and the bytes that came after the head. */
export interface UpgradeWish {
  readonly socket: Socket;
  readonly head: Buffer;
}

/** True for a request whose wish to speak another protocol is passed on: only WebSocket, only as GET without a body. */
export function isTunnelWish({ method, httpVersion, rawHeaders }: IncomingMessage): boolean {
  const protocol = fieldValue(rawHeaders, "upgrade")?.trim().toLowerCase();
  return method === "GET" && httpVersion === "1.1" && protocol === "websocket" && !hasBody(rawHeaders);
}

/** Answers 101 in the upstream's words and joins the two connections. */
export function joinTunnel(wish: UpgradeWish, answer: IncomingMessage, upstream: Socket, upstreamHead: Buffer): void {
  const client = wish.socket;
  const firstLine = `HTTP/1.1 ${answer.statusCode ?? 101} ${answer.statusMessage ?? ""}`;
  client.write(`${headText(firstLine, answer.rawHeaders)}\r\n\r\n`, "latin1");
  if (upstreamHead.length > 0) client.write(upstreamHead);
  if (wish.head.length > 0) upstream.write(wish.head);
  client.setTimeout(0);
  upstream.setTimeout(0);
  upstream.setNoDelay(true);
  client.pipe(upstream);
  upstream.pipe(client);
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.on("error", () => other.destroy());
    one.once("close", () => other.destroy());
  }
}

/**
 * The upstream answers without changing the protocol. What else the client sends is read away, since only a connection
 * that is read shows that its other side left.
 */
export function stayWithHttp({ socket }: UpgradeWish): void {
  socket.resume();
  socket.once("end", () => socket.destroySoon());
}
