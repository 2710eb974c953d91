/**
 * A connection to one broker: TLS, login and versions done, ready for requests.
 *
 * Promise: it is used until its first failure and never after. A request that got no answer in time ends the connection,
 * because answers are told apart by their order. Whatever fails is told with the broker's address.
 */
import { Connection } from "@platformatic/kafka";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { errorChain } from "./error-chain.ts";
import { destinationError, type Stage } from "./kafka-error.ts";
import { loginFailure, type Login } from "./login.ts";
import { brokerAddressText, tlsOf, type BrokerAddress, type KafkaOptions } from "./options.ts";
import { tlsFailure, tlsSettings } from "./tls.ts";
import { askVersions, Versions } from "./versions.ts";
import { withSignal } from "./with-signal.ts";

/** Connecting, handshake and login together; a broker that is up needs milliseconds. */
const CONNECT_MS_MAX = 10_000;
/** The broker keeps the order of its answers with any number; five is what Kafka's own client has in flight. */
const REQUESTS_IN_FLIGHT_MAX = 5;
/** The part of a login's session during which a connection is used; the rest is for what is in flight. */
const SESSION_USED = 0.85;
/** Longest time that Node's timers can count. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface Broker {
  readonly nodeId: number;
  /** `host:port`, for texts. */
  readonly address: string;
  readonly connection: Connection;
  /**
   * Highest version that both sides know, for an api key.
   *
   * @throws SidestreamError `SST_DESTINATION_UNSUPPORTED`, naming what the broker lacks.
   */
  version(apiKey: number, wanted: readonly number[]): number;
}

/** What the connections of a destination have in common. */
export interface BrokerSettings {
  readonly options: KafkaOptions;
  readonly login: Login | null;
}

export class BrokerConnection implements Broker {
  /** Set once a broker of the configuration was found among those of the cluster. */
  nodeId: number;
  readonly address: string;
  readonly connection: Connection;
  readonly #versions: Versions;
  readonly #closed: Promise<void>;
  #retire: NodeJS.Timeout | undefined;
  #retired = false;

  constructor(nodeId: number, address: string, connection: Connection, versions: Versions, sessionMs: number) {
    this.nodeId = nodeId;
    this.address = address;
    this.connection = connection;
    this.#versions = versions;
    this.#closed = new Promise((resolve) => {
      connection.socket.once("close", () => resolve());
      if (connection.socket.closed) resolve();
    });
    void this.#closed.then(() => clearTimeout(this.#retire));
    if (sessionMs > 0) this.#retireAfter(sessionMs);
  }

  /** True while requests may be made here. */
  get alive(): boolean {
    return !this.#retired && this.connection.isConnected();
  }

  has(apiKey: number, wanted: readonly number[]): boolean {
    return this.#versions.has(apiKey, wanted);
  }

  version(apiKey: number, wanted: readonly number[]): number {
    return this.#versions.version(apiKey, wanted);
  }

  /** Settles when the connection has ended, however it came about. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Ends the connection at once; what is in flight fails. */
  async close(): Promise<void> {
    this.#retired = true;
    destroy(this.connection);
    await this.#closed;
  }

  /** New requests go to a successor from then on; those in flight have the rest of the session to be answered. */
  #retireAfter(sessionMs: number): void {
    this.#retire = setTimeout(
      () => {
        this.#retired = true;
        this.#retire = setTimeout(() => void this.close(), Math.min(sessionMs * (1 - SESSION_USED), TIMER_MS_MAX)).unref();
      },
      Math.min(sessionMs * SESSION_USED, TIMER_MS_MAX),
    ).unref();
  }
}

/**
 * Connects to a broker.
 *
 * @param nodeId - Its id in the cluster; -1 while that isn't known.
 * @throws SidestreamError `SST_DESTINATION_UNREACHABLE`, `SST_DESTINATION_TLS`, `SST_DESTINATION_LOGIN` or
 * `SST_DESTINATION_UNSUPPORTED`; nothing is left open.
 */
export async function connectBroker(
  settings: BrokerSettings,
  nodeId: number,
  at: BrokerAddress,
  signal: AbortSignal,
): Promise<BrokerConnection> {
  const { options } = settings;
  const address = brokerAddressText(at);
  const tls = tlsOf(options);
  const [tlsOptions, login] = await Promise.all([tls && tlsSettings(tls, at), settings.login?.prepare(signal)]);
  const connection = new Connection(options.clientId, {
    connectTimeout: Math.min(CONNECT_MS_MAX, options.requestTimeout),
    requestTimeout: options.requestTimeout,
    maxInflights: REQUESTS_IN_FLIGHT_MAX,
    ...(tlsOptions && { tls: tlsOptions }),
    ...(login && { sasl: login.sasl }),
  });
  // Without a listener an error that comes late would end the process. The first one tells why later requests fail.
  let why: unknown;
  connection.on("error", (error) => (why ??= error));
  try {
    await withSignal(Promise.resolve(connection.connect(at.host, at.port)), signal);
    const versions = await withSignal(askVersions(connection, address), signal);
    versions.require();
    return new BrokerConnection(nodeId, address, connection, versions, login?.sessionMs() ?? 0);
  } catch (thrown) {
    const socket: Connection["socket"] | undefined = connection.socket;
    const reached = socket !== undefined && socket.bytesWritten > 0;
    destroy(connection);
    if (isSidestreamError(thrown)) throw thrown;
    const cause = why === undefined || why === thrown ? thrown : new AggregateError([thrown, why], "the connection failed", { cause: why });
    throw await sorted(cause, settings, at, reached);
  }
}

async function sorted(cause: unknown, { options }: BrokerSettings, at: BrokerAddress, reached: boolean): Promise<SidestreamError> {
  const doing = `broker ${brokerAddressText(at)}`;
  for (const error of errorChain(cause)) {
    if (isSidestreamError(error)) return new SidestreamError(error.code, `${doing}: ${error.message}`, { cause });
  }
  // What the broker says in Kafka's own words is more than what the connection's end may mean.
  const told = options.login && loginFailure(cause, options.login, doing);
  if (told !== undefined) return told;
  const error = destinationError(cause, doing, "connect");
  if (error.code !== "SST_DESTINATION_UNREACHABLE") return error;
  return (await tlsFailure(cause, at, tlsOf(options), reached)) ?? error;
}

/** The client's own `close` waits for a peer that may have stopped reading, and does nothing after a failed login. */
function destroy(connection: Connection): void {
  const socket: Connection["socket"] | undefined = connection.socket;
  void connection.close().catch(() => {});
  socket?.on("error", () => {});
  socket?.destroy();
}

/**
 * Makes a request and sorts its failure.
 *
 * @param doing - What for, such as `reading the settings of orders`; the broker's address is put before it.
 * @param stage - `write` where messages were sent: what a lost connection leaves in doubt is `SST_DESTINATION_UNSURE`.
 */
export async function ask<Answer>(
  broker: Pick<Broker, "address" | "connection">,
  doing: string,
  signal: AbortSignal,
  request: (connection: Connection) => Promise<Answer>,
  stage: Stage = "ask",
): Promise<Answer> {
  try {
    signal.throwIfAborted();
    return await withSignal(request(broker.connection), signal);
  } catch (cause) {
    throw destinationError(cause, `broker ${broker.address}: ${doing}`, stage);
  }
}
