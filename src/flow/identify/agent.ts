/** Events of agents: the tenant is the wallet; the base wallet's events belong to the source's default tenant. */
import type { Platform } from "./platform.ts";
import { isTenantValue } from "./tenant-value.ts";

export function agentPlatform(defaultTenant: string): Platform {
  return {
    identify({ agent }) {
      if (agent === null) return null;
      const tenant = agent.wallet ?? defaultTenant;
      return isTenantValue(tenant) ? { tenant } : null;
    },
  };
}
