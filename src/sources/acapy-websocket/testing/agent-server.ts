/** The server's side of an agent's admin WebSocket, as acapy-agent 1.7.0 has it: settings first, then what a test sends. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";

/** A test that waits this long has failed. */
const PATIENCE_MS = 10_000;

export interface AgentServer {
  readonly url: string;
  /** Fields of the requests that connected. */
  readonly requests: readonly IncomingMessage[];
  /** The next connection that nobody asked for yet. */
  connection(): Promise<WebSocket>;
}

export interface AgentServerOptions {
  /** Key that is asked for; absent: none. */
  readonly apiKey?: string;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  readonly port?: number;
}

export async function startAgentServer(t: TestContext, { apiKey, tls, port = 0 }: AgentServerOptions = {}): Promise<AgentServer> {
  const server: Server = tls === undefined ? createServer() : createTlsServer(tls);
  const sockets = new WebSocketServer({ server, path: "/ws" });
  const requests: IncomingMessage[] = [];
  const waiting: ((socket: WebSocket) => void)[] = [];
  const come: WebSocket[] = [];
  sockets.on("connection", (socket, request) => {
    requests.push(request);
    socket.on("error", () => {}); // "close" follows.
    const authenticated = apiKey === undefined || request.headers["x-api-key"] === apiKey;
    socket.send(JSON.stringify({ topic: "settings", payload: { authenticated, label: "Test", no_receive_invites: false } }));
    const next = waiting.shift();
    if (next === undefined) come.push(socket);
    else next(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
    if (server.listening) await once(server, "close");
  });
  const address = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "ws" : "wss"}://127.0.0.1:${address.port}/ws`,
    requests,
    connection: async () => {
      const socket = come.shift();
      if (socket !== undefined) return socket;
      const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
      waiting.push(resolve);
      const late = setTimeout(() => reject(new Error("nobody connected")), PATIENCE_MS);
      return promise.finally(() => clearTimeout(late));
    },
  };
}
