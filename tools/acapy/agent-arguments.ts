/** What an agent is started with, as its file of arguments. */

/** Secrets of agents and their tenants, so that a test can search what must not contain them. */
export const THROWAWAY = {
  walletKey: "throwaway-key-of-the-base-wallet",
  tenantWalletKey: "throwaway-key-of-a-tenants-wallet",
  jwtSecret: "throwaway-secret-of-tenants-tokens",
} as const;

export interface AgentSettings {
  /** Its label. */
  readonly name: string;
  /** With tenants, true unless given. Then its base wallet administers them and can't be a party itself. */
  readonly multitenant?: boolean;
  /** Needed with each call of the admin API. Without it, none is. */
  readonly adminApiKey?: string;
  /** Where the base wallet's webhooks go; what follows `#` is the key. */
  readonly webhookUrls?: readonly string[];
  /** Names of Python modules. */
  readonly plugins?: readonly string[];
  /** By plugin. */
  readonly pluginConfig?: Readonly<Record<string, unknown>>;
  /** On the command line; they win over what is set here. */
  readonly extraArguments?: readonly string[];
}

export interface AgentPorts {
  readonly inbound: number;
  readonly admin: number;
}

/**
 * The agent's arguments, by their long names.
 *
 * All that needs consent is consented to, and every webhook that can be had is sent.
 */
export function argumentsFile(settings: AgentSettings, { inbound, admin }: AgentPorts): Readonly<Record<string, unknown>> {
  const { name, multitenant = true, adminApiKey, webhookUrls = [], plugins = [] } = settings;
  return {
    label: name,
    "inbound-transport": [["http", "127.0.0.1", String(inbound)]],
    "outbound-transport": ["http"],
    endpoint: [`http://127.0.0.1:${inbound}`],
    admin: ["127.0.0.1", String(admin)],
    ...(adminApiKey === undefined ? { "admin-insecure-mode": true } : { "admin-api-key": adminApiKey }),
    "no-ledger": true,
    "wallet-type": "askar",
    "wallet-name": "base",
    "wallet-key": THROWAWAY.walletKey,
    "auto-provision": true,
    ...(multitenant ? { multitenant: true, "multitenant-admin": true, "jwt-secret": THROWAWAY.jwtSecret } : {}),
    "auto-accept-invites": true,
    "auto-accept-requests": true,
    "auto-ping-connection": true,
    "monitor-ping": true,
    "monitor-forward": true,
    "preserve-exchange-records": true,
    "log-level": "warning",
    ...(webhookUrls.length > 0 ? { "webhook-url": webhookUrls } : {}),
    ...(plugins.length > 0 ? { plugin: plugins } : {}),
  };
}
