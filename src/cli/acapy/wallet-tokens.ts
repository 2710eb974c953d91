/**
 * Tokens in the name of an agent's tenants.
 *
 * An agent takes one token of a wallet: the one that was made last. To make one ends the one in use, so that is done only
 * where it was asked for.
 */
import { z } from "zod";
import { SidestreamError } from "../../errors.ts";
import { isSecret, readTextFile } from "./access-flags.ts";
import { jsonOf, type AgentApi } from "./agent-api.ts";

const tokensFile = z.record(z.string(), z.string().refine(isSecret));
const tokenAnswer = z.object({ token: z.string().refine(isSecret) });

/** The token of a wallet; null: none is there. @throws SidestreamError as `AgentApi.get`. */
export type TokenOf = (api: AgentApi, wallet: string) => Promise<string | null>;

/** Makes new ones. */
export const renewedToken: TokenOf = async (api, wallet) =>
  (await api.post(`/multitenancy/wallet/${encodeURIComponent(wallet)}/token`, tokenAnswer)).token;

/**
 * Those of a file: a JSON object, wallet → token.
 *
 * @throws SidestreamError `SST_CONFIG_UNREADABLE`, `SST_COMMAND_INVALID`; no token is in the message.
 */
export async function tokensOf(path: string): Promise<TokenOf> {
  const parsed = tokensFile.safeParse(jsonOf(await readTextFile("--tokens-file", path)));
  if (!parsed.success)
    throw new SidestreamError("SST_COMMAND_INVALID", `--tokens-file ${path}: expected a JSON object, {"WALLET": "TOKEN"}`);
  const tokens = new Map(Object.entries(parsed.data));
  return (_api, wallet) => Promise.resolve(tokens.get(wallet) ?? null);
}
