/** Answers `pause`, `resume`, `discard`, `drain` and `tenant purge`; who gave the command stands in the log. */
import { z } from "zod";
import type { EventsErased } from "../../flow/event-log/tenant-erasing.ts";
import type { Draining } from "../../flow/drain-act.ts";
import { holdText } from "../../flow/hold.ts";
import type { HoldAnswer } from "../../flow/hold-act.ts";
import type { GivenUp } from "../../flow/spool/give-up.ts";
import type { TenantPurged } from "../../flow/spool/tenant-purge.ts";
import type { Log } from "../../observe/log.ts";
import type { DestinationHold } from "../../observe/snapshot.ts";
import { counted } from "../output.ts";
import { nameText, numberValue, parsed, userText, type ControlParts } from "./control-parts.ts";

export const REASON_LENGTH_MAX = 1_000;
const REASON = z.string().max(REASON_LENGTH_MAX).nullable();

/** What `pause` and `resume` send. */
const holdPayload = z.strictObject({
  destination: nameText,
  hold: z.strictObject({ user: userText, sinceMs: numberValue, reason: REASON }).nullable(),
  user: userText,
});
/** What `discard` sends. */
const discardPayload = z.strictObject({
  destination: nameText,
  stream: nameText.nullable(),
  tenant: nameText.nullable(),
  beforeMs: z.number().nullable(),
  from: numberValue,
  to: numberValue.nullable(),
  user: userText,
});
/** What `drain` sends. */
const drainPayload = z.strictObject({ destination: nameText.nullable(), marks: z.record(z.string(), numberValue).nullable() });
const spanValue = z.strictObject({ from: numberValue, below: numberValue });
const placeValue = z.strictObject({
  next: numberValue,
  below: numberValue,
  rewritten: numberValue,
  archived: z.string().max(64),
  letters: spanValue.nullable(),
});
/** What `tenant purge` sends, for each log. */
const purgeTenantPayload = z.strictObject({
  log: nameText,
  tenant: nameText,
  place: placeValue.nullable(),
  user: userText,
});

/** What it sends for the event log. */
const purgeEventsPayload = z.strictObject({ tenant: nameText, after: z.string().max(64), user: userText });

export async function answerHold({ edge, log }: ControlParts, payload: unknown): Promise<HoldAnswer> {
  const { user, ...call } = parsed(holdPayload, payload);
  const answer = (await edge.act("hold", call)) as HoldAnswer;
  tellHold(log, { ...call, ...answer, user });
  return answer;
}

/** Some seconds of it; the command asks again until all is looked at. */
export async function answerDiscard({ edge, log }: ControlParts, payload: unknown): Promise<GivenUp> {
  const { user, ...call } = parsed(discardPayload, payload);
  const given = (await edge.act("discard", call)) as GivenUp;
  tellDiscarded(log, { ...call, messages: given.messages, user });
  return given;
}

export async function answerDrain({ edge }: ControlParts, payload: unknown): Promise<readonly Draining[]> {
  return (await edge.act("drain", parsed(drainPayload, payload))) as readonly Draining[];
}

/** As `answerDiscard`. */
export async function answerPurgeTenant({ edge, log }: ControlParts, payload: unknown): Promise<TenantPurged> {
  const { user, ...call } = parsed(purgeTenantPayload, payload);
  const purged = (await edge.act("purgeTenant", call)) as TenantPurged;
  tellTenantPurged(log, { ...purged, log: call.log, tenant: call.tenant, user });
  return purged;
}

/** Likewise. */
export async function answerPurgeEvents({ edge, log }: ControlParts, payload: unknown): Promise<EventsErased> {
  const { user, ...call } = parsed(purgeEventsPayload, payload);
  const erased = (await edge.act("purgeEvents", call)) as EventsErased;
  tellEventsPurged(log, { ...erased, tenant: call.tenant, user });
  return erased;
}

type Teller = Pick<Log, "warn">;

/** One line where something changed, whoever carried it out. */
export function tellHold(
  log: Teller,
  told: {
    readonly destination: string;
    readonly hold: DestinationHold | null;
    readonly before: DestinationHold | null;
    readonly user: string;
  },
): void {
  const { destination, hold, before, user } = told;
  if ((hold === null) === (before === null)) return;
  const what =
    hold === null
      ? `${user} resumed ${destination}, which was ${holdText(before as DestinationHold)}`
      : `${destination} is ${holdText(hold)}`;
  log.warn({ destination, user, reason: (hold ?? before)?.reason }, what);
}

/** One line for each call that gave something up. */
export function tellDiscarded(
  log: Teller,
  told: { readonly destination: string; readonly messages: number; readonly user: string } & Record<string, unknown>,
): void {
  const { destination, messages, user } = told;
  if (messages > 0) log.warn(told, `${user} discarded ${counted(messages, "message")} that waited for ${destination}`);
}

/** One line for each call that removed something, or met what it has to leave. */
export function tellTenantPurged(
  log: Teller,
  told: Omit<TenantPurged, "place"> & { readonly log: string; readonly tenant: string; readonly user: string },
): void {
  const { log: name, tenant, messages, archived, letters, isThrough, left, user } = told;
  if (messages + archived + letters + left.length === 0) return;
  const held = `${counted(messages, "message")}, ${counted(letters, "dead letter")}, ${counted(archived, "archived message")}`;
  log.warn(
    { log: name, tenant, messages, archived, letters, isThrough, left, user },
    `${user} purged tenant ${tenant} from ${name}: ${held}`,
  );
}

/** Likewise. */
export function tellEventsPurged(log: Teller, told: EventsErased & { readonly tenant: string; readonly user: string }): void {
  const { tenant, events, isThrough, left, user } = told;
  if (events + left.length === 0) return;
  log.warn({ tenant, events, isThrough, left, user }, `${user} purged tenant ${tenant} from the event log: ${counted(events, "event")}`);
}
