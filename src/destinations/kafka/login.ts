/**
 * Logging in to a broker (SASL).
 *
 * The client's own mechanisms do the work; this makes them safe to use. Promise: a broker's odd answer fails the login
 * and no more (thrown inside the client's socket handler it would end the process), a refused bearer token is a refused
 * login, and a session that ends is never renewed on a connection in use: brokers cut a connection that sends anything
 * else meanwhile, so its successor logs in anew.
 */
import { saslOAuthBearer, saslPlain, saslScramSha, type ConnectionOptions } from "@platformatic/kafka";
import { isLoopback } from "../../driver/listen-address.ts";
import { SidestreamError } from "../../errors.ts";
import { errorChain } from "./error-chain.ts";
import { tokenFromEndpoint, tokenFromFile, type TokenSource } from "./login-token.ts";
import { quoted } from "./kafka-error.ts";
import { readBrokerAddress, type KafkaLogin, type KafkaOptions } from "./options.ts";

type SaslOptions = NonNullable<ConnectionOptions["sasl"]>;
type Authenticator = NonNullable<SaslOptions["authenticate"]>;
type Answer = Parameters<Authenticator>[6];
type Exchange = Parameters<Authenticator>[2];

const MECHANISMS = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
  oauthbearer: "OAUTHBEARER",
} as const satisfies Record<KafkaLogin["mechanism"], SaslOptions["mechanism"]>;

/** What a client says after it was told that its token is no good (RFC 7628, 3.2.3); the broker then gives its reason. */
const TOKEN_REFUSAL_READ = Buffer.from([1]);

/** The login of one connection. */
export interface ConnectionLogin {
  readonly sasl: SaslOptions;
  /** Milliseconds for which the broker takes this login, once it is done; 0 for ever. */
  readonly sessionMs: () => number;
}

/** Makes the login of each connection of a destination; tokens are kept between them. */
export class Login {
  readonly #login: KafkaLogin;
  readonly #token: TokenSource | null;

  constructor(login: KafkaLogin) {
    this.#login = login;
    this.#token = login.mechanism === "oauthbearer" ? tokenSource(login) : null;
  }

  /**
   * Prepares a login; a token is fetched here, so that it doesn't count against the time to connect.
   *
   * @throws SidestreamError `SST_DESTINATION_LOGIN` without a token, `SST_DESTINATION_UNREACHABLE` when its endpoint doesn't answer.
   */
  async prepare(signal: AbortSignal): Promise<ConnectionLogin> {
    const login = this.#login;
    const mechanism = MECHANISMS[login.mechanism];
    let sessionMs = 0;
    const authenticate: Authenticator = (_mechanism, connection, exchange, username, password, token, answer) => {
      const settle: Answer = (error, response) => {
        if (error || response === undefined) {
          answer(error ?? new Error("no answer"), response);
          return;
        }
        sessionMs = Number(response.sessionLifetimeMs);
        answer(null, { ...response, sessionLifetimeMs: 0n });
      };
      const careful = guarded(exchange, answer);
      if (mechanism === "PLAIN") saslPlain.authenticate(careful, connection, username ?? "", password ?? "", settle);
      else if (mechanism === "OAUTHBEARER")
        saslOAuthBearer.authenticate(careful, connection, token ?? "", {}, readRefusal(careful, connection, settle));
      else
        saslScramSha.authenticate(
          careful,
          connection,
          mechanism.slice(6) as "SHA-256" | "SHA-512",
          username ?? "",
          password ?? "",
          saslScramSha.defaultCrypto,
          settle,
        );
    };
    const credentials =
      login.mechanism === "oauthbearer"
        ? { token: (await this.#token?.(signal)) ?? "" }
        : { username: login.user, password: login.password };
    return { sasl: { mechanism, ...credentials, authenticate }, sessionMs: () => sessionMs };
  }
}

function tokenSource({
  tokenFile,
  tokenUrl,
  clientId,
  clientSecret,
  scope,
}: Extract<KafkaLogin, { mechanism: "oauthbearer" }>): TokenSource {
  if (tokenFile !== undefined) return tokenFromFile(tokenFile);
  return tokenFromEndpoint({ tokenUrl: tokenUrl ?? "", clientId: clientId ?? "", clientSecret: clientSecret ?? "", scope });
}

/** The exchange, with a net under what the client does with its answers. */
function guarded(exchange: Exchange, answer: Answer): Exchange {
  const careful = (...parameters: Parameters<Exchange>): void => {
    const [connection, bytes, settle] = parameters;
    exchange(connection, bytes, (error, response) => {
      try {
        settle?.(error, response);
      } catch (cause) {
        answer(new SidestreamError("SST_DESTINATION_LOGIN", "the broker's answer to the login makes no sense", { cause }), undefined);
      }
    });
  };
  return Object.assign(careful, { async: exchange.async, key: exchange.key, version: exchange.version });
}

/** Brokers refuse a bearer token in an answer that looks like success; the client takes it for one. */
function readRefusal(exchange: Exchange, connection: Parameters<Exchange>[0], settle: Answer): Answer {
  return (error, response) => {
    if (error || response === undefined || response.authBytes.length === 0) {
      settle(error, response);
      return;
    }
    const said = quoted(response.authBytes.toString("utf8"));
    exchange(connection, TOKEN_REFUSAL_READ, (cause) => {
      settle(new SidestreamError("SST_DESTINATION_LOGIN", `the broker refused the token: ${said}`, { cause }), undefined);
    });
  };
}

/** What a failed login means, in words, where more can be told than the broker says; else undefined. */
export function loginFailure(cause: unknown, { mechanism }: KafkaLogin, doing: string): SidestreamError | undefined {
  for (const error of errorChain(cause)) {
    if (!("response" in error) || typeof error.response !== "object" || error.response === null) continue;
    if (!("mechanisms" in error.response) || !Array.isArray(error.response.mechanisms)) continue;
    const offered = error.response.mechanisms.map(String);
    // A port without login answers with an empty list.
    if (offered.length === 0) continue;
    return new SidestreamError(
      "SST_DESTINATION_LOGIN",
      `${doing}: the broker does not offer ${MECHANISMS[mechanism]}, but ${quoted(offered.join(", ").toLowerCase())}`,
      { cause },
    );
  }
  return undefined;
}

/** Says where a password or token goes over the network in the clear; null where it doesn't. */
export function clearTextNotice({ login, tls, brokers }: KafkaOptions): string | null {
  if (login === undefined || tls !== false || (login.mechanism !== "plain" && login.mechanism !== "oauthbearer")) return null;
  const far = brokers.find((broker) => !isLoopback({ host: readBrokerAddress(broker)?.host ?? null, port: 0 }));
  if (far === undefined) return null;
  const secret = login.mechanism === "plain" ? "the password" : "the token";
  return `${secret} goes to ${far} unencrypted, and anyone on the way can read it: set \`tls\``;
}
