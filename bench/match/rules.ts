/**
 * The rules of the workload: ten shapes for each tenant, ten that hold for all.
 *
 * Three classes have the same shapes with other terms: E (equality, lists, presence) is what a-tree can say, C (with
 * prefixes too) what event-ruler can, F (with regular expressions and negated groups) what only Sidestream can. Where E
 * and C say that a value differs they ask that the attribute is there, since that is what the others mean by it.
 */
import type { Random } from "./random.ts";
import { EXPRESSIONS, MODULES, STATES, STATUSES, TOPICS, VERBS, WALLETS, eventTypeOf, tenantOf, userOf, walletOf } from "./vocabulary.ts";

export type RuleClass = "E" | "C" | "F";

export type Expression =
  | { readonly kind: "equal" | "other" | "begins" | "matches"; readonly name: string; readonly value: string }
  | { readonly kind: "in"; readonly name: string; readonly values: readonly string[] }
  | { readonly kind: "present"; readonly name: string }
  | { readonly kind: "and" | "or"; readonly of: readonly Expression[] }
  | { readonly kind: "not"; readonly of: Expression };

export const TENANT = "x-okapi-tenant";
const SHAPES = 10;
const FAILED = ["500", "502", "503"];

const equal = (name: string, value: string): Expression => ({ kind: "equal", name, value });
const other = (name: string, value: string): Expression => ({ kind: "other", name, value });
const begins = (name: string, value: string): Expression => ({ kind: "begins", name, value });
const matches = (name: string, value: string): Expression => ({ kind: "matches", name, value });
const oneOf = (name: string, values: readonly string[]): Expression => ({ kind: "in", name, values });
const present = (name: string): Expression => ({ kind: "present", name });
const and = (...of: Expression[]): Expression => ({ kind: "and", of });
const or = (...of: Expression[]): Expression => ({ kind: "or", of });
const not = (of: Expression): Expression => ({ kind: "not", of });
const ofTenant = (tenant: number): Expression => equal(TENANT, tenantOf(tenant));

function tenantRule(random: Random, tenant: number, shape: number, ruleClass: RuleClass): Expression {
  const module = random.pick(MODULES);
  const verb = random.pick(VERBS);
  const its = (...terms: Expression[]): Expression => and(ofTenant(tenant), ...terms);
  switch (shape) {
    case 0:
      return its(equal("method", "POST"), equal("eventtype", eventTypeOf(module, verb, "POST")));
    case 1:
      return its(equal("modulename", `mod-${module}`), ruleClass === "E" ? equal("status", "201") : begins("status", "2"));
    case 2:
      return its(
        equal("method", "POST"),
        ruleClass === "E"
          ? oneOf("interface", ["circulation", "inventory"])
          : or(begins("path", "/circulation/"), begins("path", "/inventory/")),
      );
    case 3:
      return its(equal("interface", module), equal("permission", `${module}.${verb}.post`));
    case 4:
      return ruleClass === "F"
        ? its(other("method", "GET"), other("status", "200"))
        : its(present("method"), other("method", "GET"), present("status"), other("status", "200"));
    case 5:
      return its(equal("x-okapi-user-id", userOf(tenant, random.below(20))));
    case 6:
      return its(equal("permission", `${module}.${verb}.get`), present("x-side-trace"));
    case 7:
      return its(equal("route", `/${module}/${verb}/{id}`), oneOf("status", FAILED));
    case 8: {
      const expression = random.pick(EXPRESSIONS);
      if (ruleClass === "E") return its(equal("moduleid", `mod-${module}-1.2.3`));
      return its(ruleClass === "C" ? begins("path", "/users/") : matches("path", expression));
    }
    default:
      return ruleClass === "F"
        ? its(not(or(equal("method", "GET"), equal("method", "HEAD"), begins("user-agent", "kube-probe"))))
        : its(equal("method", "DELETE"), equal("status", "204"));
  }
}

function globalRule(random: Random, shape: number, ruleClass: RuleClass): Expression {
  const module = random.pick(MODULES);
  const verb = random.pick(VERBS);
  const method = random.pick(["POST", "PUT", "DELETE"]);
  const status = random.pick(STATUSES);
  const topic = random.pick(TOPICS);
  const state = random.pick(STATES);
  // An expression was drawn here once; without this draw all others would change.
  random.pick(EXPRESSIONS);
  const wallet = walletOf(random.below(WALLETS));
  const route = `/${module}/${verb}/{id}`;
  switch (shape) {
    case 0:
      return and(equal("modulename", `mod-${module}`), equal("eventtype", eventTypeOf(module, verb, method)));
    case 1:
      return ruleClass === "E" ? equal("route", route) : begins("path", `/${module}/${verb}/${random.hex(1)}`);
    case 2:
      return and(equal("topic", topic), equal("state", state));
    case 3:
      return equal("x-wallet-id", wallet);
    case 4:
      return and(equal("interface", module), oneOf("status", FAILED));
    case 5:
      return and(equal("permission", `${module}.${verb}.delete`), equal("method", "DELETE"));
    case 6:
      if (ruleClass === "E") return and(equal("route", route), equal("status", status));
      return and(
        ruleClass === "C" ? begins("path", `/${module}/${verb}/`) : matches("path", `^/${module}/${verb}/[0-9a-f-]{36}$`),
        begins("status", "5"),
      );
    case 7:
      return and(equal("moduleid", `mod-${module}-1.${random.below(4)}.3`), equal("method", "PUT"));
    case 8:
      return and(equal("x-wallet-id", wallet), equal("topic", topic), present("state"), other("state", "done"));
    default: {
      const typed = equal("eventtype", eventTypeOf(module, verb, method));
      return ruleClass === "F"
        ? and(typed, not(or(ofTenant(1), ofTenant(2), begins("user-agent", "kube-"))))
        : and(typed, equal("status", status));
    }
  }
}

/** @param globals - So many of them name no tenant; they come last. */
export function makeRules(random: Random, count: number, globals: number, ruleClass: RuleClass): readonly Expression[] {
  const rules: Expression[] = [];
  for (let at = 0; at < count - globals; at++) rules.push(tenantRule(random, Math.floor(at / SHAPES), at % SHAPES, ruleClass));
  for (let at = 0; at < globals; at++) rules.push(globalRule(random, at % SHAPES, ruleClass));
  return rules;
}

/** How many tenants have rules of their own. */
export function tenantsOf(count: number, globals: number): number {
  return Math.max(1, Math.ceil((count - globals) / SHAPES));
}
