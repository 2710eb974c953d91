/** Options of the webhook source: their schema and their defaults. */
import { z } from "zod";
import { WALLET } from "../../driver/agent-event.ts";
import { isLoopback, listenText, readListenAddress } from "../../driver/listen-address.ts";
import { size } from "../../driver/quantity.ts";

/** Keys of that many agents, or of that many wallets. */
const AGENT_KEYS_MAX = 100;
const WALLET_KEYS_MAX = 10_000;

/** The agent sends what stands between the first `#` of its URL and the next, and blanks around a header's value are none of it. */
const key = z.string().regex(/^(?! )[\x20-\x22\x24-\x7e]{1,1024}(?<! )$/, "expected 1 to 1,024 visible ASCII characters without #");

export const webhookOptions = z
  .strictObject({
    listen: listenText.describe("Address to listen on: `127.0.0.1:9100`. Point the agent's `--webhook-url` at it."),
    apiKey: z
      .union([key, z.array(key).min(1).max(AGENT_KEYS_MAX)])
      .optional()
      .describe(
        "Key that the agent sends as x-api-key: the part after `#` in its webhook URL. Best given as ${file:PATH}. A list where there are several agents, or while a key is changed. Good for every wallet.",
      ),
    walletKeys: z
      .record(z.string().regex(WALLET, "expected the id of a wallet"), key)
      .refine((keys) => Object.keys(keys).length <= WALLET_KEYS_MAX, { error: `expected at most ${WALLET_KEYS_MAX}` })
      .default({})
      .describe("Wallet → key of a tenant that sends to a webhook URL of its own. Good for the events of that wallet alone."),
    apiKeyRequired: z
      .boolean()
      .default(true)
      .describe("Set to false to listen beyond this machine without a key: whoever can reach the port can then make up events."),
    bodyBytesMax: size(1024, 64 * 1024 * 1024)
      .default(4 * 1024 * 1024)
      .describe("Largest event, in bytes; a larger one is answered 413. An agent's messages have no bound of their own."),
    deadlineMs: z
      .int()
      .min(100)
      .max(60_000)
      .default(8_000)
      .describe("Time in which each request is answered, also when the disk hangs: less than the agent's 10 s between two tries."),
    connectionsMax: z.int().min(1).max(100_000).default(512).describe("Connections at once; one agent opens up to 50."),
  })
  .superRefine(({ listen, apiKey, walletKeys, apiKeyRequired }, context) => {
    const taken = new Set(keysOf(apiKey));
    for (const [wallet, key] of Object.entries(walletKeys)) {
      if (taken.has(key)) context.addIssue({ code: "custom", path: ["walletKeys", wallet], message: "this key is another's, too" });
      taken.add(key);
    }
    const address = readListenAddress(listen);
    if (address === undefined || isLoopback(address) || taken.size > 0 || !apiKeyRequired) return;
    const message = "needed when listening beyond this machine: set the key that the agent sends, or apiKeyRequired: false";
    context.addIssue({ code: "custom", path: ["apiKey"], message });
  });

export type WebhookOptions = z.output<typeof webhookOptions>;

/** The agents' keys as a list; none where there is none. */
export function keysOf(apiKey: WebhookOptions["apiKey"]): readonly string[] {
  return [apiKey ?? []].flat();
}
