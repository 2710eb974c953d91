/** Tells when a request is on its way, for tests that end what waits for its answer. */
import type { TestContext } from "node:test";
import { Connection } from "@platformatic/kafka";

const PRODUCE = 0;

/** Settles when the next Produce request was handed to its socket. */
export function nextProduce(context: TestContext): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const send = Connection.prototype.send;
  const spy = context.mock.method(Connection.prototype, "send", function (this: Connection, ...args: Parameters<Connection["send"]>) {
    if (args[0] === PRODUCE) setImmediate(resolve);
    return send.apply(this, args);
  });
  return promise.finally(() => spy.mock.restore());
}
