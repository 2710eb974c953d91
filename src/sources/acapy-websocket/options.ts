/** Options of the WebSocket source: their schema and their defaults. */
import { z } from "zod";
import { size } from "../../driver/quantity.ts";

const MIB = 2 ** 20;
const URL_EXPECTED = "expected the address of an agent's WebSocket, such as ws://agent:8031/ws";

const socketUrl = z
  .string({ error: URL_EXPECTED })
  .max(4_096)
  .superRefine((text, context) => {
    const fault = urlFault(text);
    if (fault !== null) context.addIssue({ code: "custom", message: fault });
  });

export const websocketOptions = z
  .strictObject({
    url: socketUrl.describe("Address of the agent's admin WebSocket: `ws://agent:8031/ws`, or `wss://…` behind a proxy with TLS."),
    apiKey: z
      .string()
      .regex(/^(?! )[\x20-\x7e]{1,1024}(?<! )$/, "expected 1 to 1,024 visible ASCII characters")
      .optional()
      .describe("The agent's `--admin-api-key`. Best given as ${file:PATH}. Left out for an agent with `--admin-insecure-mode`."),
    ca: z
      .string()
      .min(1)
      .max(4_096)
      .optional()
      .describe("File of the authorities that a `wss://` certificate is checked against, PEM; default: those that Node trusts."),
    frameBytesMax: size(64 * 1024, 256 * MIB)
      .prefault("16MiB")
      .describe("Largest event with what is around it. A larger one ends the connection, and is lost with what comes meanwhile."),
    silenceMs: z
      .int()
      .min(6_000, "the agent says something every 5 s: expected at least 6000")
      .max(600_000)
      .default(20_000)
      .describe("Time without a sign of life after which the connection counts as dead; the agent gives one every 5 s."),
  })
  .superRefine(({ url, ca }, context) => {
    if (ca === undefined || !url.startsWith("ws:")) return;
    context.addIssue({ code: "custom", path: ["ca"], message: "only a wss:// address is checked against it" });
  });

export type WebsocketOptions = z.output<typeof websocketOptions>;

function urlFault(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "ws:" && url.protocol !== "wss:")) return URL_EXPECTED;
  if (url.username !== "" || url.password !== "")
    return "an address with a user or a password would be shown in status and log: use apiKey";
  return url.hash === "" ? null : "expected an address without #";
}
