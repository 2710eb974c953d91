import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { proxiedPorts, serverProperties, type BrokerSettings } from "./properties.ts";

const file = "/certificate";
const pair = { certificate: file, key: file };
const SETTINGS: BrokerSettings = {
  nodeId: 2,
  nodes: 3,
  basePort: 10_000,
  folder: "/node-2",
  tls: { ca: file, otherCa: file, broker: file, brokerExpired: file, client: pair, clientExpired: pair, otherClient: pair },
  proxied: true,
  properties: {},
};

function listeners(settings: BrokerSettings, name: string): readonly string[] {
  const line =
    serverProperties(settings)
      .split("\n")
      .find((each) => each.startsWith(`${name}=`)) ?? "";
  return line.slice(name.length + 1).split(",");
}

test("a broker that is proxied tells clients the proxy's port, listens on its own, and speaks to the others past it", () => {
  const { listen, upstream } = proxiedPorts(10_000, 2);
  deepEqual([listen, upstream], [10_018, 10_017]);
  equal(listeners(SETTINGS, "listeners").at(-1), `PROXIED://127.0.0.1:${upstream}`);
  equal(listeners(SETTINGS, "advertised.listeners").at(-1), `PROXIED://127.0.0.1:${listen}`);
  deepEqual(listeners(SETTINGS, "inter.broker.listener.name"), ["PLAINTEXT"]);
});

test("a broker that isn't proxied has no listener for it", () => {
  deepEqual(
    serverProperties({ ...SETTINGS, proxied: false })
      .split("\n")
      .filter((line) => line.includes("PROXIED")),
    [],
  );
});
