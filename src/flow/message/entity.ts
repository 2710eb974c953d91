/** The entity that an event is about: its kind and its id. */
import { targetPath } from "../../driver/target-path.ts";
import type { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent } from "../event.ts";
import type { RedactionPlan } from "./plan.ts";
import { withoutPatterns } from "./redact-text.ts";
import { isLoginRoute, lenientDecode } from "./secret-names.ts";
import { hidesSecret } from "./secret-text.ts";
import { shownValue } from "./shown-value.ts";

/**
 * Where agents put the id of the record that an event is about; the first that is there counts. The same list, in the
 * same order, as the plugin's own: plugins/acapy/src/sidestream_acapy/attributes.py.
 */
export const AGENT_IDS: readonly string[] = [
  "cred_ex_id",
  "pres_ex_id",
  "oob_id",
  "mediation_id",
  "discovery_exchange_id",
  "transaction_id",
  "connection_id",
  "record_id",
  "message_id",
  "wallet_id",
  "id",
];
const ID = "id";

/**
 * Kind of the entity: the last segment of the route that is no parameter, else of the path that is no id. A star at a
 * segment's end, as in `/users*`, is left out.
 *
 * Ids in paths are told by their look: a UUID, only digits, or 20 and more hexadecimal digits.
 */
export function entityKind(event: IdentifiedEvent, plan: RedactionPlan): string | undefined {
  if (event.transaction === null) return undefined;
  const { route } = event.identity;
  const path = route ?? targetPath(event.transaction.target);
  const kind = path
    .split("/")
    .toReversed()
    .map((segment) => (route === undefined ? withoutParameters(lenientDecode(segment)) : segment.replace(/\*$/, "")))
    .find((segment) => segment !== "" && !/[{*]/.test(segment) && (route !== undefined || !looksLikeId(segment)));
  return kind === undefined || (route === undefined && hidesSecret(kind)) ? undefined : withoutPatterns(kind, plan.patterns);
}

/** Parameters of a segment stand behind `;`, and a fragment behind `#`. */
function withoutParameters(segment: string): string {
  return segment.replace(/[;#][^]*$/, "");
}

function looksLikeId(segment: string): boolean {
  return /^([0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{20,})$/i.test(segment);
}

/**
 * Id of the entity: the route's last parameter, else `id` of the response's body, else of the request's; for agents the
 * id of the record.
 *
 * An id in a body that the stream redacts or doesn't keep is not used: a key must not say what the message hides.
 */
export function entityId(event: IdentifiedEvent, content: ContentValues, plan: RedactionPlan): string | undefined {
  const id = event.agent !== null ? agentId(content, plan) : (pathId(event) ?? bodyId(event, content, plan));
  return id === undefined || id === "" ? undefined : withoutPatterns(id, plan.patterns);
}

function pathId({ identity: { entityId: id } }: IdentifiedEvent): string | undefined {
  return id === undefined || !hidesSecret(id) ? id : withoutParameters(id);
}

/** Bodies of login routes don't leave, and no id out of them does. */
function bodyId({ transaction }: IdentifiedEvent, content: ContentValues, plan: RedactionPlan): string | undefined {
  if (transaction === null || isLoginRoute(transaction.target.replace(/\?[^]*$/, ""))) return undefined;
  return shownValue("response.body", ID, content, plan) ?? shownValue("request.body", ID, content, plan);
}

function agentId(content: ContentValues, plan: RedactionPlan): string | undefined {
  for (const name of AGENT_IDS) {
    const id = shownValue("payload", name, content, plan);
    if (id !== undefined) return id;
  }
  return undefined;
}
