/** Settings of a flow with a source and one destination, for tests of the flow. */
import type { DestinationSettings, FlowSettings } from "../../settings.ts";
import { FRONT_SOURCE } from "./front-source.ts";

const MIB = 2 ** 20;

/** A destination named `out`. @param type - That the test registered. */
export function outDestination(type: string): DestinationSettings {
  return {
    name: "out",
    type,
    options: {},
    spool: { bytesMax: 16 * MIB, whenFull: "drop-newest", tenantSharePercent: 100, parkBytes: MIB },
    deadLetters: { keepMs: 60_000, bytesMax: MIB },
    inFlightMax: 10,
    maxRate: null,
    dormant: null,
  };
}

/** @param type - Of the one destination. */
export function flowSettings(dataFolder: string, type: string, streams: FlowSettings["streams"]): FlowSettings {
  return {
    instance: "test",
    env: "test",
    dataFolder,
    sources: [FRONT_SOURCE],
    streams,
    destinations: [outDestination(type)],
    limits: { messageBytesMax: 64 * 1024, topicsMax: 100, tenantLabelsMax: 100, handoverBytesMax: MIB, decodedBytesMax: MIB },
  };
}
