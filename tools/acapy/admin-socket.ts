/** Listens to an agent's admin WebSocket, which shows the webhooks of all wallets, whatever URLs they go to. */
import { once } from "node:events";
import type { Agent } from "./agent.ts";

const OPEN_MS_MAX = 10_000;
/** More than a test makes; it would otherwise fill the memory unseen. */
const FRAMES_MAX = 100_000;

export interface AdminFrame {
  readonly topic: string;
  /** Absent for the base wallet. */
  readonly wallet_id?: string;
  readonly payload: unknown;
}

export class AdminSocket {
  /** What was shown since it was opened. */
  readonly frames: AdminFrame[] = [];
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(String(data)) as AdminFrame;
      // A ping without a payload is the socket's sign of life; the settings are its greeting.
      if (frame.payload === undefined || frame.topic === "settings") return;
      if (this.frames.length >= FRAMES_MAX) throw new Error(`more than ${FRAMES_MAX} webhooks`);
      this.frames.push(frame);
    });
  }

  /** For agents without an API key. Settles once nothing is missed from then on. */
  static async open(agent: Agent): Promise<AdminSocket> {
    const socket = new WebSocket(`${agent.admin.url.replace("http:", "ws:")}/ws`);
    // The agent greets once it has put the socket on its list.
    const greeted = once(socket, "message", { signal: AbortSignal.timeout(OPEN_MS_MAX) });
    const opened = new AdminSocket(socket);
    await greeted;
    return opened;
  }

  close(): void {
    this.#socket.close();
  }
}
