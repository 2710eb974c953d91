/** Whether an agent's admin WebSocket can be listened to, with the access that was given. */
import { WebSocket } from "ws";
import { AgentSocket } from "../../sources/acapy-websocket/agent-socket.ts";
import { readFrame } from "../../sources/acapy-websocket/frame.ts";
import type { AgentApi } from "./agent-api.ts";

/** The agent speaks first, at once. */
const WAIT_MS = 5_000;
const FRAME_BYTES_MAX = 2 ** 20;

export interface WebsocketAnswer {
  readonly url: string;
  /** Null: it works. */
  readonly fault: string | null;
}

/** Never rejects. */
export async function checkWebsocket(api: AgentApi): Promise<WebsocketAnswer> {
  const url = `${api.url.replace(/^http/u, "ws")}/ws`;
  const socket = new WebSocket(url, {
    headers: { ...api.headers() },
    maxPayload: FRAME_BYTES_MAX,
    handshakeTimeout: WAIT_MS,
    perMessageDeflate: false,
  });
  let works = false;
  const heard = new AgentSocket(socket, WAIT_MS, {
    onText: (data) => {
      const frame = readFrame(data);
      if (frame.kind === "idle" && frame.isAllowed === false) return heard.cut("the agent does not accept the key");
      works = frame.kind !== "bad";
      heard.cut(works ? "" : frame.kind === "bad" ? `what comes is not an agent's: ${frame.reason}` : "");
    },
    onOdd: (reason) => heard.cut(`what comes is not an agent's: ${reason}`),
  });
  const fault = await heard.ended;
  return { url, fault: works ? null : fault };
}
