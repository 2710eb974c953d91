/** Which texts from outside may name a tenant, and reading them from an event. */
import type { Transaction } from "../event.ts";

/** A value, nothing there, or something there that must not be believed. */
export type Found = { readonly value: string } | "absent" | "unclear";

/** Printable, without blanks, 1 to 128 characters: Okapi's tenants and ACA-Py's wallets are far inside that. */
const TENANT = /^[^\p{C}\p{Z}]{1,128}$/u;

export function isTenantValue(text: string): boolean {
  return TENANT.test(text);
}

/** The value as a tenant's; what isn't one is unclear. */
export function asTenant(text: string): Found {
  return isTenantValue(text) ? { value: text } : "unclear";
}

/** Values of a request header, by lower-case name. */
export function headerValues({ requestHeaders }: Transaction, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < requestHeaders.length; i += 2) {
    const given = requestHeaders[i];
    // Most names differ in length already, and need no other spelling made of them.
    if (given?.length === name.length && given.toLowerCase() === name) values.push(requestHeaders[i + 1] ?? "");
  }
  return values;
}

/** The one value of a header. Given twice with different values, nobody knows which one the upstream believed. */
export function soleHeader(transaction: Transaction, name: string): Found {
  const values = headerValues(transaction, name);
  const [first] = values;
  if (first === undefined) return "absent";
  return values.every((value) => value === first) ? { value: first } : "unclear";
}

/** Undoes percent-encoding; text that isn't well encoded stays as it is. */
export function percentDecoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
