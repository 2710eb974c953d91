/** A source of HTTP transactions whose tenants a header names, for tests of the flow. */
import type { SourceSettings } from "../../settings.ts";

export const FRONT_SOURCE: SourceSettings = {
  name: "front",
  type: "gateway",
  platform: { type: "none", tenant: { header: "x-okapi-tenant", default: "nobody" } },
  defaultTenant: "nobody",
  options: {},
};
