/** Which routes of a gateway may lose events before they are on disk. */
import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { bestEffortRoutes, gatewayOptions } from "./options.ts";

const routesOf = (options: Readonly<Record<string, unknown>>): readonly string[] =>
  bestEffortRoutes(gatewayOptions.parse({ listen: ":9130", upstream: "http://okapi:9131", ...options }));

test("routes are best-effort by their own word, else by that of the gateway, whose default it is", () => {
  deepEqual(routesOf({}), ["default"]);
  deepEqual(routesOf({ capture: "durable" }), []);
  const routes = [
    { path: "/bulk/*", capture: "best-effort" },
    { path: "/loans/*", methods: ["POST"] },
    { path: "/users/*", capture: "durable" },
  ];
  deepEqual(routesOf({ routes }), ["default", "/bulk/*", "POST /loans/*"]);
  deepEqual(routesOf({ capture: "durable", routes }), ["/bulk/*"]);
});
