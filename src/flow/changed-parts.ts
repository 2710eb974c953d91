/** Finds what differs between two messages of the same event. What tells the rule and its revision differs always, and isn't told. */
import { pointerStep } from "./content/json-pointer.ts";
import type { DryMessage } from "./dry-run.ts";

/** Places of a message's content that are told. */
const PLACES_MAX = 10;
/** Attributes that follow from what is told already, or that only a running program knows. */
const FOLLOWING: ReadonlySet<string> = new Set(["sidestreamrule", "sidestreamrevision", "partitionkey"]);

export interface ChangedPart {
  /** `topic`, `key`, `delivery`, `outcome`, `header NAME`, or a JSON pointer into the message. */
  readonly what: string;
  /** Null: it isn't there, or it is a place in the content, whose values aren't told. */
  readonly before: string | null;
  readonly after: string | null;
}

/** @returns Empty: they are alike. */
export function changedParts(before: DryMessage, after: DryMessage): readonly ChangedPart[] {
  const parts: ChangedPart[] = [];
  for (const what of ["topic", "key", "delivery", "outcome"] as const)
    if (before[what] !== after[what]) parts.push({ what, before: before[what], after: after[what] });
  const [old, now] = [new Map(headersOf(before)), new Map(headersOf(after))];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    const [was, is] = [old.get(name) ?? null, now.get(name) ?? null];
    if (was !== is) parts.push({ what: `header ${name}`, before: was, after: is });
  }
  const places = before.value.equals(after.value) ? [] : changedPlaces(before.value, after.value);
  return [...parts, ...places.map((what) => ({ what, before: null, after: null }))];
}

function headersOf({ headers }: DryMessage): DryMessage["headers"] {
  return headers.filter(([name]) => !FOLLOWING.has(name.replace(/^ce_/, "")));
}

function changedPlaces(before: Buffer, after: Buffer): readonly string[] {
  const places: string[] = [];
  addPlaces(membersOf(before), membersOf(after), "", places);
  return places.length > PLACES_MAX ? [...places.slice(0, PLACES_MAX), "and more"] : places;
}

function membersOf(value: Buffer): unknown {
  const read: unknown = JSON.parse(value.toString("utf8"));
  if (typeof read !== "object" || read === null || !Object.hasOwn(read, "specversion")) return read;
  return Object.fromEntries(Object.entries(read).filter(([name]) => !FOLLOWING.has(name)));
}

/** Goes no further once there are more than are told. */
function addPlaces(before: unknown, after: unknown, path: string, places: string[]): void {
  if (places.length > PLACES_MAX || before === after) return;
  const isNested = (value: unknown): value is object => typeof value === "object" && value !== null;
  if (!isNested(before) || !isNested(after) || Array.isArray(before) !== Array.isArray(after)) {
    places.push(path === "" ? "/" : path);
    return;
  }
  const [old, now] = [new Map<string, unknown>(Object.entries(before)), new Map<string, unknown>(Object.entries(after))];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    const place = `${path}/${pointerStep(name)}`;
    if (old.has(name) && now.has(name)) addPlaces(old.get(name), now.get(name), place, places);
    else if (places.length <= PLACES_MAX) places.push(place);
  }
}
