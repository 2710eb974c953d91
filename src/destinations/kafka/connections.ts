/**
 * The connections of a destination, one to each broker that is needed.
 *
 * Promise: a connection that failed is dropped and made anew by the next call that needs it. Concurrent calls share one
 * attempt. After `close` nothing is left open and every call is rejected.
 */
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { BrokerConnection, connectBroker, type BrokerSettings } from "./broker.ts";
import { destinationError } from "./kafka-error.ts";
import { brokerAddressText, readBrokerAddress, type BrokerAddress } from "./options.ts";
import { withSignal } from "./with-signal.ts";

/** Stands for a broker of the configuration whose id in the cluster isn't known. */
const BOOTSTRAP_ID = -1;

export class Connections {
  readonly #settings: BrokerSettings;
  readonly #closing = new AbortController();
  /** By node id. */
  readonly #current = new Map<number, Promise<BrokerConnection>>();
  /** Also those that are no longer given out. */
  readonly #open = new Set<BrokerConnection>();
  #nodes: ReadonlyMap<number, BrokerAddress> = new Map();
  #finding: Promise<BrokerConnection> | undefined;

  constructor(settings: BrokerSettings) {
    this.#settings = settings;
  }

  /** Brokers of the cluster, as last heard. */
  get nodes(): ReadonlyMap<number, BrokerAddress> {
    return this.#nodes;
  }

  /** Aborted by `close`. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Takes on the brokers that a metadata answer named. A broker that moved gets a new connection. */
  learn(nodes: ReadonlyMap<number, BrokerAddress>): void {
    for (const [nodeId, { host, port }] of this.#nodes) {
      const now = nodes.get(nodeId);
      if (now?.host !== host || now.port !== port) this.#current.delete(nodeId);
    }
    this.#nodes = nodes;
    for (const [nodeId, at] of nodes) {
      if (this.#current.has(nodeId)) continue;
      const found = this.#open
        .values()
        .find((broker) => broker.alive && broker.nodeId === BOOTSTRAP_ID && broker.address === brokerAddressText(at));
      if (found === undefined) continue;
      found.nodeId = nodeId;
      this.#current.set(nodeId, Promise.resolve(found));
    }
  }

  /**
   * A connection to a broker of the cluster.
   *
   * @throws SidestreamError `SST_LANE_UNAVAILABLE` when it can't be reached, so that lanes of other brokers go on.
   */
  async node(nodeId: number, signal: AbortSignal): Promise<BrokerConnection> {
    const at = this.#nodes.get(nodeId);
    if (at === undefined) throw new SidestreamError("SST_LANE_UNAVAILABLE", `broker ${nodeId} is not part of the cluster at the moment`);
    try {
      return await withSignal(this.#connected(nodeId, at), signal);
    } catch (cause) {
      const error = destinationError(cause, `broker ${brokerAddressText(at)}`, "connect");
      if (error.code !== "SST_DESTINATION_UNREACHABLE" && error.code !== "SST_DESTINATION_UNSUPPORTED") throw error;
      if (this.closing.aborted) throw error;
      throw new SidestreamError("SST_LANE_UNAVAILABLE", `${error.message} (the address that the cluster gives for broker ${nodeId})`, {
        cause,
      });
    }
  }

  /**
   * A connection to any broker: one that is open, else to a broker of the cluster, else to one of the configuration.
   *
   * @throws SidestreamError saying why not. After a refused login no further broker is tried: accounts get locked.
   */
  async any(signal: AbortSignal): Promise<BrokerConnection> {
    for (const broker of this.#open) if (broker.alive) return broker;
    this.#finding ??= this.#find().finally(() => {
      this.#finding = undefined;
    });
    return await withSignal(this.#finding, signal);
  }

  async #find(): Promise<BrokerConnection> {
    const failures: SidestreamError[] = [];
    const tried = new Set<string>();
    const configured = this.#settings.options.brokers.flatMap((text) => readBrokerAddress(text) ?? []);
    const candidates = [...this.#nodes, ...configured.map((at) => [BOOTSTRAP_ID, at] as const)];
    for (const [nodeId, at] of candidates) {
      const address = brokerAddressText(at);
      if (tried.has(address)) continue;
      tried.add(address);
      try {
        return await (nodeId === BOOTSTRAP_ID ? this.#connect(nodeId, at) : this.#connected(nodeId, at));
      } catch (cause) {
        const error = destinationError(cause, `broker ${address}`, "connect");
        if (this.closing.aborted || error.code === "SST_DESTINATION_LOGIN") throw error;
        failures.push(error);
      }
    }
    throw together(failures);
  }

  async #connected(nodeId: number, at: BrokerAddress): Promise<BrokerConnection> {
    for (;;) {
      const known = this.#current.get(nodeId);
      const broker = await known;
      if (broker?.alive) return broker;
      // Another call may have begun a new attempt while this one waited.
      if (this.#current.get(nodeId) === known) break;
    }
    const attempt = this.#connect(nodeId, at);
    this.#current.set(nodeId, attempt);
    attempt.catch(() => {
      if (this.#current.get(nodeId) === attempt) this.#current.delete(nodeId);
    });
    return await attempt;
  }

  async #connect(nodeId: number, at: BrokerAddress): Promise<BrokerConnection> {
    this.closing.throwIfAborted();
    const broker = await connectBroker(this.#settings, nodeId, at, this.closing);
    this.#open.add(broker);
    void broker.closed.then(() => this.#open.delete(broker));
    if (this.closing.aborted) await broker.close();
    return broker;
  }

  /**
   * Tries one broker of the configuration on a connection of its own.
   *
   * @returns What is wrong; null when nothing is.
   */
  async tryAddress(at: BrokerAddress, signal: AbortSignal): Promise<SidestreamError | null> {
    try {
      const broker = await connectBroker(this.#settings, BOOTSTRAP_ID, at, AbortSignal.any([signal, this.closing]));
      await broker.close();
      return null;
    } catch (error) {
      if (isSidestreamError(error)) return error;
      throw error;
    }
  }

  /** Ends all connections; again is harmless. */
  async close(): Promise<void> {
    this.#closing.abort(new SidestreamError("SST_DESTINATION_UNREACHABLE", "the destination was closed"));
    await Promise.allSettled([...this.#current.values(), this.#finding]);
    await Promise.all([...this.#open].map((broker) => broker.close()));
    this.#current.clear();
  }
}

/** What stands first decides: a broker that could be reached says more than one that could not. */
function together(failures: readonly SidestreamError[]): SidestreamError {
  const telling = failures.find(({ code }) => code !== "SST_DESTINATION_UNREACHABLE") ?? failures[0];
  if (telling === undefined) return new SidestreamError("SST_DESTINATION_UNREACHABLE", "the configuration names no broker");
  const others = failures.length - 1;
  const text = others === 0 ? telling.message : `${telling.message}; ${others} other broker${others === 1 ? "" : "s"} failed too`;
  return new SidestreamError(telling.code, text, { cause: new AggregateError(failures, "no broker can be used") });
}
