/** The first question to a cluster: who are you, and which brokers have you? */
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import type { Broker } from "./broker.ts";
import type { KafkaOptions } from "./options.ts";
import { describeTopics, type ClusterDescription } from "./topics.ts";

/**
 * Asks for the cluster. A port that wants a login says its versions to anyone and then cuts the connection without a
 * word; that is told as what it most likely is.
 */
export async function firstAnswer(broker: Broker, { login }: KafkaOptions, signal: AbortSignal): Promise<ClusterDescription> {
  try {
    return await describeTopics(broker, [], signal);
  } catch (cause) {
    if (login !== undefined || signal.aborted || broker.connection.isConnected()) throw cause;
    if (!isSidestreamError(cause) || cause.code !== "SST_DESTINATION_UNREACHABLE") throw cause;
    const text = `broker ${broker.address} cut the connection at the first question: its port most likely wants a login, and \`login\` is not set`;
    throw new SidestreamError("SST_DESTINATION_LOGIN", text, { cause });
  }
}
