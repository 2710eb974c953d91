/** Rules as a platform with many tenants has them. */

export const TENANT_RULES = 10;

export function tenantOf(tenant: number): string {
  return `t${String(tenant).padStart(5, "0")}`;
}

/** Criteria: what people ask of a tenant's traffic; reads of users that go well meet none of them. */
export function rulesOf(tenant: string): readonly string[] {
  return [
    "METHOD=POST AND MODULENAME=mod-users",
    "MODULENAME=mod-users AND STATUS=5*",
    "METHOD=PUT AND PATH=(/circulation/*, /inventory/*)",
    "INTERFACE=users AND PERMISSION=users.item.post",
    "METHOD!=GET AND STATUS!=200",
    `x-okapi-user-id=${tenant}-0000`,
    'ROUTE="/users/{id}" AND STATUS=(500, 502, 503)',
    "METHOD=PATCH AND PATH~/^\\/users\\/[0-9a-f-]{36}$/",
    "METHOD=POST AND request.body/personal/email",
    "DURATION>=5000",
  ].map((rest) => `x-okapi-tenant=${tenant} AND ${rest}`);
}
