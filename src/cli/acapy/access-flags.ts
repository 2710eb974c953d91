/** Options of the commands that ask an agent. Keys come by file or environment, never on the command line, which others can read. */
import type { Command } from "commander";
import { open } from "node:fs/promises";
import type { Environment } from "../../config/secrets.ts";
import { parseDuration } from "../../driver/quantity.ts";
import { SidestreamError } from "../../errors.ts";
import type { AgentAccess } from "./agent-api.ts";

const FILE_BYTES_MAX = 16 * 2 ** 20;
/** What may stand in a header. */
const SECRET = /^[\x21-\x7e](?:[\x20-\x7e]{0,8190}[\x21-\x7e])?$/u;
const TIMEOUT_MS_MAX = 86_400_000;

export interface AccessFlags {
  readonly admin: string;
  readonly apiKeyFile?: string;
  readonly tokenFile?: string;
  readonly timeout: string;
}

export function withAccess(command: Command, timeout: string): Command {
  return command
    .requiredOption("--admin <url>", "the agent's admin API, such as http://agent:8031")
    .option("--api-key-file <file>", "file with the agent's admin API key; else SIDESTREAM_ADMIN_API_KEY")
    .option("--token-file <file>", "file with a bearer token of an administrator, for an agent with OAuth2; else SIDESTREAM_ADMIN_TOKEN")
    .option("--timeout <duration>", "time for all of it, such as 30s or 10m", timeout);
}

/** @throws SidestreamError `SST_COMMAND_INVALID`, `SST_CONFIG_UNREADABLE`. */
export async function readAccess(flags: AccessFlags, environment: Environment): Promise<{ access: AgentAccess; timeoutMs: number }> {
  const { admin, apiKeyFile, tokenFile, timeout } = flags;
  const timeoutMs = parseDuration(timeout) ?? 0;
  if (timeoutMs < 1 || timeoutMs > TIMEOUT_MS_MAX)
    throw invalid(`--timeout ${timeout}: expected a duration such as 30s or 10m, at most 1d`);
  const apiKey = await secret("--api-key-file", apiKeyFile, "SIDESTREAM_ADMIN_API_KEY", environment);
  const token = await secret("--token-file", tokenFile, "SIDESTREAM_ADMIN_TOKEN", environment);
  return { access: { url: adminUrl(admin), apiKey, token }, timeoutMs };
}

/** @throws SidestreamError `SST_CONFIG_UNREADABLE`. */
export async function readTextFile(flag: string, path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
    return await file.readFile("utf8");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new SidestreamError("SST_CONFIG_UNREADABLE", `${flag}: can't read ${path}: ${code ?? message}`, { cause });
  }
}

/** True for text that may be sent in a header. */
export function isSecret(text: string): boolean {
  return SECRET.test(text);
}

/**
 * Addresses of Sidestream's webhook source. What is none would lead nowhere, and have no wallet's events arrive.
 *
 * @throws SidestreamError `SST_COMMAND_INVALID`; what was given isn't shown, since a key may stand behind its #.
 */
export function webhooksOf(named: readonly string[] = []): readonly string[] {
  if (named.every((text) => /^https?:\/\//iu.test(text) && URL.canParse(text))) return named;
  throw invalid("--webhook: expected an address such as http://sidestream:9100");
}

function adminUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) throw invalid("--admin: expected an address such as http://agent:8031");
  if (url.username !== "" || url.password !== "") {
    throw invalid("--admin: a user or a password in the address could be read by everyone on this machine: use --api-key-file");
  }
  return `${url.origin}${url.pathname.replace(/\/+$/u, "")}`;
}

/** The value itself is in no message. */
async function secret(flag: string, path: string | undefined, variable: string, environment: Environment): Promise<string | null> {
  const text = path === undefined ? environment[variable] : await readTextFile(flag, path);
  if (text === undefined || (path === undefined && text === "")) return null;
  const value = text.trim();
  if (isSecret(value)) return value;
  throw invalid(`${path === undefined ? variable : `${flag} ${path}`}: expected one line of visible ASCII characters`);
}

function invalid(message: string): SidestreamError {
  return new SidestreamError("SST_COMMAND_INVALID", message);
}
