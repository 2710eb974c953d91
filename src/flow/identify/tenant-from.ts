/**
 * Ways in which a source tells tenants: a header, a claim of the token, the host, the path.
 *
 * Promise: tried in the configured order, and the first that finds something decides. Something that is no tenant, or
 * that could be two, makes the event unidentified; it doesn't fall through to the next way.
 */
import type { Transaction } from "../event.ts";
import type { TenantFrom } from "../settings.ts";
import { compilePattern } from "./pattern.ts";
import { targetPath } from "../../driver/target-path.ts";
import { asTenant, type Found, percentDecoded, soleHeader } from "./tenant-value.ts";
import { tokenClaim, tokenOf } from "./token.ts";

export type TenantFinder = (transaction: Transaction) => Found;

/** Tries each way in turn. */
export function tenantFinder(ways: readonly TenantFrom[]): TenantFinder {
  const finders = ways.map(finderOf);
  return (transaction) => {
    for (const find of finders) {
      const found = find(transaction);
      if (found !== "absent") return found;
    }
    return "absent";
  };
}

function finderOf(way: TenantFrom): TenantFinder {
  switch (way.from) {
    case "header":
      return fromHeader(way.name.toLowerCase());
    case "tokenClaim":
      return (transaction) => {
        const token = tokenOf(transaction);
        if (typeof token === "string") return token;
        const value = tokenClaim(token.value, way.claim);
        return value === undefined ? "absent" : asTenant(value);
      };
    case "host":
      return fromHost(way.pattern.toLowerCase());
    case "path":
      return fromPath(way.pattern);
    default:
      return way satisfies never;
  }
}

/** The value of a header; an empty one counts as absent. */
export function fromHeader(name: string): TenantFinder {
  return (transaction) => {
    const found = soleHeader(transaction, name);
    if (typeof found === "string") return found;
    return found.value === "" ? "absent" : asTenant(found.value);
  };
}

function fromHost(pattern: string): TenantFinder {
  const match = compilePattern(pattern, ".");
  return (transaction) => {
    const host = soleHeader(transaction, "host");
    if (typeof host === "string") return host;
    if (host.value.length > 255) return "unclear";
    return tenantOf(match(host.value.toLowerCase().replace(/:\d*$/, "")));
  };
}

function fromPath(pattern: string): TenantFinder {
  const match = compilePattern(pattern, "/");
  return ({ target }) => tenantOf(match(targetPath(target)));
}

function tenantOf(parameters: readonly (readonly [string, string])[] | null): Found {
  const value = parameters?.find(([name]) => name === "tenant")?.[1];
  return value === undefined ? "absent" : asTenant(percentDecoded(value));
}
