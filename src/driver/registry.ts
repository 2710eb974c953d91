/** The drivers that this release has, by type. Configuration and flow look them up here and nowhere else. */
import type { DestinationDriver } from "./destination.ts";
import type { SourceDriver } from "./source.ts";

const destinations = new Map<string, DestinationDriver>();
const sources = new Map<string, SourceDriver>();

export function registerDestination<Options>(driver: DestinationDriver<Options>): void {
  destinations.set(driver.type, driver);
}

export function registerSource<Options>(driver: SourceDriver<Options>): void {
  sources.set(driver.type, driver);
}

export function destinationDriver(type: string): DestinationDriver | undefined {
  return destinations.get(type);
}

export function sourceDriver(type: string): SourceDriver | undefined {
  return sources.get(type);
}

export function destinationTypes(): readonly string[] {
  return [...destinations.keys()].toSorted();
}

export function sourceTypes(): readonly string[] {
  return [...sources.keys()].toSorted();
}
