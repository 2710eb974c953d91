/**
 * The gateway: an HTTP/1.1 reverse proxy that forwards every request and hands in a record of it.
 *
 * Promise: forwarding comes first. Where capture is best-effort, nothing here waits for the engine; where it is
 * durable, only the end of the response does.
 *
 * @see docs/gateway.md
 */
import { SidestreamError } from "../../errors.ts";
import { defineSource } from "../../driver/source.ts";
import { Listener } from "./listener.ts";
import { bestEffortRoutes, gatewayOptions, routeNames } from "./options.ts";

export const gateway = defineSource({
  type: "gateway",
  summary: "Forwards HTTP to an upstream and captures each transaction",
  options: gatewayOptions,
  carriesTraffic: true,
  routes: routeNames,
  bestEffortRoutes,
  async open(options, { name, port, signal }) {
    const asked = [options, ...options.routes].some(({ capture }) => capture === "write-ahead");
    if (asked) throw new SidestreamError("SST_NOT_AVAILABLE", `sources.${name}: capture: write-ahead is not available yet; durable is`);
    const listener = new Listener(options, port);
    await listener.listen();
    signal.addEventListener("abort", () => void listener.close(0), { once: true });
    if (signal.aborted) await listener.close(0);
    return listener;
  },
});
