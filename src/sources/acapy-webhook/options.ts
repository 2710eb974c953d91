/** Options of the webhook source: their schema and their defaults. */
import { z } from "zod";
import { isLoopback, listenText, readListenAddress } from "../../driver/listen-address.ts";
import { size } from "../../driver/quantity.ts";

export const webhookOptions = z
  .strictObject({
    listen: listenText.describe("Address to listen on: `127.0.0.1:9100`. Point the agent's `--webhook-url` at it."),
    apiKey: z
      .string()
      .min(1, "an empty key protects nothing; leave apiKey out instead")
      .max(1024)
      .optional()
      .describe("Key that the agent sends as x-api-key: the part after `#` in its webhook URL. Best given as ${file:PATH}."),
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
  .superRefine(({ listen, apiKey, apiKeyRequired }, context) => {
    const address = readListenAddress(listen);
    if (address === undefined || isLoopback(address) || apiKey !== undefined || !apiKeyRequired) return;
    const message = "needed when listening beyond this machine: set the key that the agent sends, or apiKeyRequired: false";
    context.addIssue({ code: "custom", path: ["apiKey"], message });
  });

export type WebhookOptions = z.output<typeof webhookOptions>;
