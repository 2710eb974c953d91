/** Calls the admin API of an agent. Promise: each call ends, and one that fails says which, how, and what the agent said. */

/** The agent writes to SQLite; on a busy machine a wallet took five seconds. */
const ANSWER_MS_MAX = 30_000;
/** Shown of an answer that tells what is wrong. */
const ANSWER_CHARACTERS_SHOWN = 500;

export interface AdminRequest {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Sent as JSON. A POST has one in any case: some of the agent's routes refuse none. */
  readonly body?: unknown;
  readonly waitMsMax?: number;
}

export interface AdminAccess {
  /** For an agent that was started with one. */
  readonly apiKey?: string | undefined;
  /** A tenant's. */
  readonly token?: string | undefined;
}

export class AdminApi {
  /** `http://127.0.0.1:8031`. */
  readonly url: string;
  readonly #access: AdminAccess;

  constructor(url: string, access: AdminAccess = {}) {
    this.url = url;
    this.#access = access;
  }

  /** The same agent, in the name of a tenant. */
  as(token: string): AdminApi {
    return new AdminApi(this.url, { ...this.#access, token });
  }

  /**
   * What the agent answers, as it came.
   *
   * @throws Error when there is no answer in time.
   */
  async ask(path: string, { method = "GET", body, waitMsMax = ANSWER_MS_MAX }: AdminRequest = {}): Promise<Response> {
    const { apiKey, token } = this.#access;
    const headers: Record<string, string> = {};
    if (apiKey !== undefined) headers["x-api-key"] = apiKey;
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    const hasBody = method === "POST" || method === "PUT";
    if (hasBody) headers["content-type"] = "application/json";
    try {
      return await fetch(`${this.url}${path}`, {
        method,
        headers,
        ...(hasBody ? { body: JSON.stringify(body ?? {}) } : {}),
        signal: AbortSignal.timeout(waitMsMax),
      });
    } catch (cause) {
      throw new Error(`${method} ${path} of the agent at ${this.url} had no answer`, { cause });
    }
  }

  /**
   * What the agent answers, as JSON.
   *
   * @typeParam Answer - What the caller knows it to be; it isn't checked.
   * @throws Error when there is no answer in time, or it isn't 200.
   */
  async call<Answer>(path: string, request: AdminRequest = {}): Promise<Answer> {
    const answer = await this.ask(path, request);
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`${request.method ?? "GET"} ${path}: the agent answered ${answer.status}: ${text.slice(0, ANSWER_CHARACTERS_SHOWN)}`);
    }
    return JSON.parse(text) as Answer;
  }

  async post<Answer>(path: string, body: unknown = {}): Promise<Answer> {
    return await this.call<Answer>(path, { method: "POST", body });
  }
}
