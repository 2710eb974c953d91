/** A tenant of an agent: a wallet with a token. What it does is what a controller would do over the admin API. */
import { waitUntil } from "../kafka/wait-until.ts";
import type { AdminApi } from "./admin-api.ts";
import { THROWAWAY } from "./agent-arguments.ts";
import type { Agent } from "./agent.ts";

/** Handshakes between wallets of one agent take half a second, many at once on a busy machine much longer. */
const STATE_MS_MAX = 60_000;
const ANSWER_CHARACTERS_SHOWN = 500;

/** Whose webhook URLs get a tenant's events: its own, the agent's, or both. */
export type DispatchType = "default" | "base" | "both";

export interface TenantOptions {
  /** The wallet's name and label. */
  readonly label: string;
  readonly dispatchType?: DispatchType;
  /** Of its own; what follows `#` is the key. Without one the agent takes `base` for the type. */
  readonly webhookUrls?: readonly string[];
}

/** Makes a wallet. */
export async function createTenant(agent: Agent, { label, dispatchType, webhookUrls = [] }: TenantOptions): Promise<Tenant> {
  const { wallet_id: walletId, token } = await agent.admin.post<{ readonly wallet_id: string; readonly token: string }>(
    "/multitenancy/wallet",
    {
      wallet_name: label,
      wallet_key: THROWAWAY.tenantWalletKey,
      wallet_type: "askar",
      label,
      ...(dispatchType === undefined ? {} : { wallet_dispatch_type: dispatchType }),
      ...(webhookUrls.length > 0 ? { wallet_webhook_urls: webhookUrls } : {}),
    },
  );
  return new Tenant(label, walletId, token, agent.admin.as(token));
}

export class Tenant {
  readonly label: string;
  readonly walletId: string;
  /** For the admin API, as a bearer. */
  readonly token: string;
  /** The agent's admin API, in the tenant's name. */
  readonly admin: AdminApi;

  constructor(label: string, walletId: string, token: string, admin: AdminApi) {
    this.label = label;
    this.walletId = walletId;
    this.token = token;
    this.admin = admin;
  }

  /** Sends a basic message. The other side has it some time later. */
  async sendMessage(connectionId: string, content: string): Promise<void> {
    await this.admin.post(`/connections/${connectionId}/send-message`, { content });
  }

  /** Sends a trust ping. */
  async ping(connectionId: string): Promise<void> {
    await this.admin.post(`/connections/${connectionId}/send-ping`);
  }

  /**
   * Asks until the answer is as wanted, and returns it.
   *
   * @param what - For the message: "be active".
   * @throws Error with the last answer, when it doesn't come to that.
   */
  async until<Answer>(path: string, what: string, holds: (answer: Answer) => boolean): Promise<Answer> {
    const asked: { answer: Answer | null } = { answer: null };
    const ask = async (): Promise<boolean> => holds((asked.answer = await this.admin.call<Answer>(path)));
    try {
      await waitUntil(ask, STATE_MS_MAX, `${path} of ${this.label} to ${what}`);
    } catch (cause) {
      const last = JSON.stringify(asked.answer).slice(0, ANSWER_CHARACTERS_SHOWN);
      throw new Error(`${cause instanceof Error ? cause.message : String(cause)}; it answered ${last}`, { cause });
    }
    return asked.answer as Answer;
  }
}
