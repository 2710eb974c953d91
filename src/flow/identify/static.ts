/**
 * The static platform: routes and tenants as the configuration says.
 *
 * Promise: the first route in file order wins whose methods and path match; a path is compared as it was sent, case
 * and percent-encoding included, and HEAD is not GET. An event that no route matches still has its tenant.
 */
import type { Identity, Transaction } from "../event.ts";
import type { PlatformSettings, StaticRoute } from "../settings.ts";
import { splitModuleId } from "./module-id.ts";
import { compilePattern, literalPrefix, type Matcher } from "./pattern.ts";
import type { Platform } from "./platform.ts";
import { PATH_CHARACTERS_MAX, targetPath } from "../../driver/target-path.ts";
import { tenantFinder } from "./tenant-from.ts";
import { isTenantValue, percentDecoded, soleHeader } from "./tenant-value.ts";
import { tokenClaim, tokenOf } from "./token.ts";

interface CompiledRoute {
  readonly prefix: string;
  readonly methods: ReadonlySet<string> | null;
  readonly match: Matcher;
  /** What the route says of its events, beside tenant, user and entity. */
  readonly handler: Omit<Identity, "tenant">;
}

/** The user, as the platform's own header says it (after authorisation), else as the token claims it. */
const USER_HEADER = "x-okapi-user-id";
const USER_CLAIM = "user_id";
const USER_CHARACTERS_MAX = 128;

export function staticPlatform(settings: Extract<PlatformSettings, { type: "static" }>): Platform {
  const findTenant = tenantFinder(settings.tenant);
  const { defaultTenant } = settings;
  const routes = settings.routes.map(compileRoute);
  return {
    identify({ transaction }) {
      if (transaction === null) return null;
      const path = targetPath(transaction.target);
      if (path.length > PATH_CHARACTERS_MAX) return null;
      const found = findTenant(transaction);
      if (found === "unclear") return null;
      const tenant = found === "absent" ? defaultTenant : found.value;
      if (tenant === null || !isTenantValue(tenant)) return null;
      const userId = userOf(transaction);
      return { tenant, ...handlerOf(routes, transaction.method, path), ...(userId === undefined ? {} : { userId }) };
    },
  };
}

function compileRoute(route: StaticRoute): CompiledRoute {
  const { path, methods, moduleId, interface: interfaceId, interfaceVersion, permission } = route;
  const split = moduleId === undefined ? undefined : splitModuleId(moduleId);
  const moduleName = route.moduleName ?? split?.name;
  const moduleVersion = route.moduleVersion ?? split?.version ?? undefined;
  return {
    prefix: literalPrefix(path),
    methods: methods === "*" || methods.includes("*") ? null : new Set(methods),
    match: compilePattern(path, "/"),
    handler: {
      route: path,
      ...(moduleName === undefined ? {} : { moduleName }),
      ...(moduleId === undefined ? {} : { moduleId }),
      ...(moduleVersion === undefined ? {} : { moduleVersion }),
      ...(interfaceId === undefined ? {} : { interface: interfaceId }),
      ...(interfaceVersion === undefined ? {} : { interfaceVersion }),
      ...(permission === undefined ? {} : { permission }),
    },
  };
}

function handlerOf(routes: readonly CompiledRoute[], method: string, path: string): Omit<Identity, "tenant"> {
  for (const { prefix, methods, match, handler } of routes) {
    if (!path.startsWith(prefix) || (methods !== null && !methods.has(method))) continue;
    const parameters = match(path);
    if (parameters === null) continue;
    const entity = parameters.at(-1)?.[1];
    return entity === undefined ? handler : { ...handler, entityId: percentDecoded(entity) };
  }
  return {};
}

function userOf(transaction: Transaction): string | undefined {
  const header = soleHeader(transaction, USER_HEADER);
  if (header === "unclear") return undefined;
  if (header !== "absent") return usable(header.value);
  const token = tokenOf(transaction);
  return typeof token === "string" ? undefined : usable(tokenClaim(token.value, USER_CLAIM));
}

function usable(userId: string | undefined): string | undefined {
  return userId !== undefined && userId.length <= USER_CHARACTERS_MAX && isTenantValue(userId) ? userId : undefined;
}
