/**
 * Calls the admin API of an ACA-Py agent.
 *
 * Promise: each call ends, within its own time and that of the whole command; no more of an answer is read than the
 * bound; keys and tokens go to the agent alone, never into a message.
 */
import type { z } from "zod";
import { SidestreamError } from "../../errors.ts";

/** An agent answers in milliseconds, over a busy database in seconds. */
const CALL_MS_MAX = 30_000;
/** A page of exchanges with all their content has some MiB. */
const ANSWER_BYTES_MAX = 64 * 2 ** 20;

export interface AgentAccess {
  /** `http://agent:8031`, without a slash at its end. */
  readonly url: string;
  readonly apiKey: string | null;
  /** Of a tenant, or of an administrator where the agent wants OAuth2. */
  readonly token: string | null;
}

export class AgentApi {
  readonly #access: AgentAccess;
  readonly #signal: AbortSignal;

  /** @param signal - Ends all calls. */
  constructor(access: AgentAccess, signal: AbortSignal) {
    this.#access = access;
    this.#signal = signal;
  }

  get url(): string {
    return this.#access.url;
  }

  /** The same agent in the name of a tenant. */
  as(token: string): AgentApi {
    return new AgentApi({ ...this.#access, token }, this.#signal);
  }

  /** Fields that say who asks. */
  headers(): Readonly<Record<string, string>> {
    const { apiKey, token } = this.#access;
    return {
      ...(apiKey === null ? {} : { "x-api-key": apiKey }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  /** @throws SidestreamError `SST_AGENT_UNREACHABLE`, `SST_AGENT_REFUSED`, `SST_AGENT_ANSWER`. */
  async get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
    return readAnswer(`GET ${path}`, await this.#call("GET", path), schema);
  }

  /** As `get`; null where the agent has no such route. */
  async find<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema> | null> {
    const response = await this.#call("GET", path);
    if (response.status !== 404) return readAnswer(`GET ${path}`, response, schema);
    await response.body?.cancel();
    return null;
  }

  /** As `get`, with POST and an empty object. */
  async post<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
    return readAnswer(`POST ${path}`, await this.#call("POST", path), schema);
  }

  async #call(method: "GET" | "POST", path: string): Promise<Response> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(CALL_MS_MAX)]);
    const content = method === "POST" ? { body: "{}", headers: { ...this.headers(), "content-type": "application/json" } } : {};
    try {
      return await fetch(`${this.url}${path}`, { method, headers: this.headers(), redirect: "manual", signal, ...content });
    } catch (cause) {
      throw unreachable(`${method} ${path}`, this.url, cause);
    }
  }
}

async function readAnswer<Schema extends z.ZodType>(call: string, response: Response, schema: Schema): Promise<z.output<Schema>> {
  const { status, url } = response;
  const text = await readBody(response).catch((cause: unknown) => {
    throw unreachable(call, new URL(url).origin, cause);
  });
  if (status === 401 || status === 403) throw new SidestreamError("SST_AGENT_REFUSED", `${call}: the agent answers ${status}`);
  if (status !== 200) throw new SidestreamError("SST_AGENT_ANSWER", `${call}: the agent answers ${status}, not 200`);
  if (text === null) throw new SidestreamError("SST_AGENT_ANSWER", `${call}: the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
  const parsed = schema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const place = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new SidestreamError(
    "SST_AGENT_ANSWER",
    `${call}: the answer is not an agent's${place === "" ? "" : `: ${place} is missing or odd`}`,
  );
}

/** Null: it is too large. */
async function readBody(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes > ANSWER_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Undefined: it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(call: string, url: string, cause: unknown): SidestreamError {
  const isLate = cause instanceof Error && cause.name === "TimeoutError";
  const inner: unknown = cause instanceof Error ? cause.cause : undefined;
  return new SidestreamError("SST_AGENT_UNREACHABLE", `${call} of ${url}: ${isLate ? "no answer in time" : reasonOf(inner ?? cause)}`, {
    cause,
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? String(error.code) : error.message;
}
