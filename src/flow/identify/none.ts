/** No platform: the tenant is a header's value, or the default; what handled the event is not known. */
import type { Identity } from "../event.ts";
import type { PlatformSettings } from "../settings.ts";
import type { Platform } from "./platform.ts";
import { isTenantValue } from "./tenant-value.ts";
import { fromHeader } from "./tenant-from.ts";

export function nonePlatform({ tenant }: Extract<PlatformSettings, { type: "none" }>): Platform {
  const find = tenant.header === null ? null : fromHeader(tenant.header.toLowerCase());
  const fallback: Identity | null = isTenantValue(tenant.default) ? { tenant: tenant.default } : null;
  return {
    identify({ transaction }) {
      if (transaction === null) return null;
      const found = find?.(transaction) ?? "absent";
      if (found === "absent") return fallback;
      return found === "unclear" ? null : { tenant: found.value };
    },
  };
}
