/**
 * The admin API of an agent, as far as our commands ask it: answers have the shapes of acapy-agent 1.7.0, recorded.
 *
 * It is no agent: what it is given, it tells. That real agents answer so is tested with real ones.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { WebSocketServer } from "ws";

export interface FakeWallet {
  readonly id: string;
  readonly label: string;
  readonly dispatchType?: string;
  readonly webhookUrls?: readonly string[];
  /** The token that it takes. */
  readonly token?: string;
  /** Answers by path, such as `/connections`; all of them, whatever page is asked for. */
  readonly records?: Readonly<Record<string, readonly object[]>>;
}

export interface FakeAgent {
  readonly url: string;
  /** Method and target of each request, in order. */
  readonly requests: string[];
  /** Renews a wallet's token, as the agent does: the one before is refused from then on. */
  tokenOf(wallet: string): string;
}

export interface FakeAgentOptions {
  readonly apiKey?: string;
  readonly plugins?: readonly string[];
  readonly webhookUrls?: readonly string[];
  /** Null: not multitenant. */
  readonly wallets?: readonly FakeWallet[] | null;
  /** Of an agent that is not multitenant. */
  readonly records?: FakeWallet["records"];
  readonly hasAdmin?: boolean;
  /** Pages are not known: each answer has all. */
  readonly ignoresPages?: boolean;
  /** Before any other answer. True: it answered itself. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

const BUILT_IN = ["acapy_agent.connections", "acapy_agent.multitenant.admin", "acapy_agent.protocols.basicmessage"];

export async function startFakeAgent(t: TestContext, options: FakeAgentOptions = {}): Promise<FakeAgent> {
  const requests: string[] = [];
  const tokens = new Map((options.wallets ?? []).map(({ id, token = `token-of-${id}` }) => [id, token]));
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (options.intercept?.(request, response) === true) return;
    const answer = answerTo(request, options, tokens);
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
  });
  const sockets = new WebSocketServer({ server, path: "/ws" });
  sockets.on("connection", (socket, request) => {
    const authenticated = options.apiKey === undefined || request.headers["x-api-key"] === options.apiKey;
    socket.send(JSON.stringify({ topic: "settings", payload: { authenticated } }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
    if (server.listening) await once(server, "close");
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    tokenOf: (wallet) => tokens.get(wallet) ?? "",
  };
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

const NO_KEY: Reply = { status: 401, body: "401: API Key invalid or missing" };
const NO_TOKEN: Reply = { status: 401, body: "401: Unauthorized" };
const NOT_FOUND: Reply = { status: 404, body: "404: Not Found" };

function answerTo(request: IncomingMessage, options: FakeAgentOptions, tokens: Map<string, string>): Reply {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://agent");
  const { wallets = [] } = options;
  const bearer = request.headers.authorization?.replace("Bearer ", "");
  const owner = bearer === undefined ? undefined : [...tokens].find(([, token]) => token === bearer)?.[0];
  if (bearer !== undefined && owner === undefined) return NO_TOKEN;
  if (bearer === undefined && options.apiKey !== undefined && request.headers["x-api-key"] !== options.apiKey) return NO_KEY;
  const page = (all: readonly object[]): Reply => {
    const limit = Number(searchParams.get("limit") ?? 100);
    const offset = Number(searchParams.get("offset") ?? 0);
    return { status: 200, body: { results: options.ignoresPages === true ? all : all.slice(offset, offset + limit) } };
  };
  const renewed = /^\/multitenancy\/wallet\/([^/]+)\/token$/u.exec(pathname)?.[1];
  if (renewed !== undefined) {
    tokens.set(renewed, `renewed-token-of-${renewed}`);
    return { status: 200, body: { token: tokens.get(renewed) } };
  }
  switch (pathname) {
    case "/status":
      return { status: 200, body: { version: "1.7.0", label: "agent", conductor: { in_sessions: 0 } } };
    case "/status/config":
      return { status: 200, body: { config: configOf(options) } };
    case "/plugins":
      return { status: 200, body: { result: [...BUILT_IN, ...(options.plugins ?? [])], external: [] } };
    case "/multitenancy/wallets":
      return wallets === null || options.hasAdmin === false ? NOT_FOUND : page(wallets.map(walletAnswer));
    default: {
      const records = owner === undefined ? options.records : wallets?.find(({ id }) => id === owner)?.records;
      const all = records?.[pathname];
      if (wallets !== null && owner === undefined) return { status: 401, body: "401: Authorization token missing or invalid" };
      return all === undefined ? NOT_FOUND : page(all);
    }
  }
}

function configOf({ wallets = [], webhookUrls = [] }: FakeAgentOptions): object {
  return {
    "admin.admin_insecure_mode": true,
    "admin.webhook_urls": webhookUrls.map((url) => url.replace(/#.*/u, "")),
    default_label: "agent",
    "wallet.type": "askar",
    ...(wallets === null ? {} : { "multitenant.enabled": true, "multitenant.admin_enabled": true }),
  };
}

function walletAnswer({ id, label, dispatchType = "base", webhookUrls = [] }: FakeWallet): object {
  return {
    created_at: "2026-11-23T19:15:03.098968Z",
    updated_at: "2026-11-23T19:15:03.615541Z",
    wallet_id: id,
    key_management_mode: "managed",
    settings: {
      "wallet.type": "askar",
      "wallet.name": label,
      "dbstore.key": null,
      "wallet.webhook_urls": webhookUrls,
      "wallet.dispatch_type": dispatchType,
      default_label: label,
      "wallet.id": id,
    },
  };
}
