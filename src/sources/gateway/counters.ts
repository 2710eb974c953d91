/** What the gateway counts: plain numbers, read when metrics are scraped. */
import { OUTCOMES } from "../../driver/source.ts";
import type { Outcome } from "../../driver/source.ts";

export class GatewayCounters {
  readonly outcomes: Record<Outcome, number> = {
    complete: 0,
    "client-aborted": 0,
    "upstream-aborted": 0,
    "upstream-unreachable": 0,
    unknown: 0,
  };
  /** Requests that were not plain HTTP. */
  rejected = 0;
  /** Durable requests answered 503 for want of room. */
  refused = 0;
  /** Repeated on a new connection, because the pooled one had been closed. */
  retried = 0;
  /** Durable answers delivered or cut though their capture failed. */
  released = 0;
  aborted = 0;
  tunnelsOpened = 0;
  tunnelsOpen = 0;
  connectionsDropped = 0;

  /** Metric sample names with their values. */
  samples(): Readonly<Record<string, number>> {
    const samples: Record<string, number> = {};
    for (const outcome of OUTCOMES) samples[`sidestream_gateway_exchanges_total{outcome="${outcome}"}`] = this.outcomes[outcome];
    samples["sidestream_gateway_rejected_total"] = this.rejected;
    samples["sidestream_gateway_refused_total"] = this.refused;
    samples["sidestream_gateway_retried_total"] = this.retried;
    samples['sidestream_gateway_capture_failed_total{did="release"}'] = this.released;
    samples['sidestream_gateway_capture_failed_total{did="abort"}'] = this.aborted;
    samples["sidestream_gateway_tunnels_total"] = this.tunnelsOpened;
    samples["sidestream_gateway_tunnels"] = this.tunnelsOpen;
    samples["sidestream_gateway_connections_dropped_total"] = this.connectionsDropped;
    return samples;
  }
}
