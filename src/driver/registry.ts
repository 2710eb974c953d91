/** The drivers that this release has, by type. Configuration and flow look them up here and nowhere else. */
import type { DestinationDriver } from "./destination.ts";
import type { SourceDriver } from "./source.ts";

const destinations = new Map<string, DestinationDriver>();
const sources = new Map<string, SourceDriver>();

export function registerDestination(driver: DestinationDriver<never>): void {
  destinations.set(driver.type, driver as unknown as DestinationDriver);
}

export function registerSource(driver: SourceDriver<never>): void {
  sources.set(driver.type, driver as unknown as SourceDriver);
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
