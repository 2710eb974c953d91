/** Makes the drivers that come with this package known. Whoever loads a configuration or runs the flow calls it first. */
import { file } from "./destinations/file/file.ts";
import { kafka } from "./destinations/kafka/kafka.ts";
import { stdout } from "./destinations/stdout/stdout.ts";
import { registerDestination, registerSource } from "./driver/registry.ts";
import { acapyJournal } from "./sources/acapy-journal/acapy-journal.ts";
import { acapyWebhook } from "./sources/acapy-webhook/acapy-webhook.ts";
import { acapyWebsocket } from "./sources/acapy-websocket/acapy-websocket.ts";
import { gateway } from "./sources/gateway/gateway.ts";

export function registerBuiltInDrivers(): void {
  registerDestination(file);
  registerDestination(kafka);
  registerDestination(stdout);
  registerSource(gateway);
  registerSource(acapyWebhook);
  registerSource(acapyJournal);
  registerSource(acapyWebsocket);
}
