/**
 * What the flow is told to do: the configuration, checked and resolved, as plain data that can be handed to another
 * thread. The folder `config/` makes it; nothing here reads files or the environment.
 */
import type { Rule, Template } from "./match/rule.ts";
import type { WhenFull } from "./spool/log-settings.ts";

/** Media a stream lets through in bodies; anything else is left out, with its size. */
export type BodyType = "json" | "text" | "form" | "multipart" | "binary";

export interface BodySettings {
  readonly bytesMax: number;
  readonly types: readonly BodyType[];
}

/** A place that `redact` or `keep` names. */
export type FieldPath =
  | { readonly kind: "requestHeader" | "responseHeader" | "query"; readonly name: string }
  /** Pointer steps; `**` is any depth. */
  | { readonly kind: "content"; readonly part: "request.body" | "response.body" | "payload"; readonly pointer: readonly string[] }
  | { readonly kind: "pattern"; readonly name: string };

/**
 * How a message is written: as one JSON text with attributes and data; with the attributes as protocol headers and the
 * data alone as value; or likewise, the value of an agent's event in the form of the agents' own queue plugins.
 */
export const MESSAGE_FORMATS = ["cloudevents", "cloudevents-binary", "acapy"] as const;
export type MessageFormat = (typeof MESSAGE_FORMATS)[number];

/** What is promised of a stream's messages to their destination, the weakest first. */
export const DELIVERIES = ["at-most-once", "at-least-once", "exactly-once"] as const;
export type Delivery = (typeof DELIVERIES)[number];

/** Whether a rule acts, or only counts and samples what it would do. */
export const RULE_MODES = ["live", "shadow"] as const;
export type RuleMode = (typeof RULE_MODES)[number];

/** A protocol header that messages get beside those of their format. */
export interface HeaderSettings {
  readonly name: string;
  readonly value: Template;
}

export interface RuleSettings extends Rule {
  /** Place in its descriptor, from 1. */
  readonly number: number;
  /** Headers of this rule's messages, those of its stream included; absent: the stream's and no others. */
  readonly headers?: readonly HeaderSettings[];
  /** Absent: the stream's. */
  readonly delivery?: Delivery;
  /** Absent: live. */
  readonly mode?: RuleMode;
}

export interface StreamSettings {
  readonly id: string;
  readonly title: string;
  /** First 12 hex digits of the SHA-256 of the descriptor's text. */
  readonly revision: string;
  /** Assignments already looked up; an empty list is a dormant stream. */
  readonly tenants: "all" | readonly string[];
  /** Null: `{tenant}/{entityId}` where there is an entity, else `{tenant}`. */
  readonly key: Template | null;
  readonly format: MessageFormat;
  readonly delivery: Delivery;
  readonly headers: readonly HeaderSettings[];
  readonly body: BodySettings;
  /** Null: everything leaves that is not redacted. */
  readonly keep: readonly FieldPath[] | null;
  readonly redact: readonly FieldPath[];
  readonly rules: readonly RuleSettings[];
}

/** What a rule's messages are promised. */
export function deliveryOf(stream: Pick<StreamSettings, "delivery">, rule: Pick<RuleSettings, "delivery">): Delivery {
  return rule.delivery ?? stream.delivery;
}

/** It makes no message and silences none: whoever asks what rules do passes it over. */
export function isShadow(rule: Pick<RuleSettings, "mode">): boolean {
  return rule.mode === "shadow";
}

/** The budget of a destination's log, and what gives way when it is used up. */
export interface BudgetSettings {
  readonly bytesMax: number;
  readonly whenFull: WhenFull;
  /** Share of the budget that one tenant may hold once the log is half full; 100: all of it. */
  readonly tenantSharePercent: number;
  /** How far others get ahead of a message that waits before the space behind it is freed. */
  readonly parkBytes: number;
}

export interface DestinationSettings {
  readonly name: string;
  readonly type: string;
  /** The driver's own options, already checked by its schema. */
  readonly options: unknown;
  readonly spool: BudgetSettings;
  readonly deadLetters: { readonly keepMs: number; readonly bytesMax: number };
  /** How long what left the log is kept for a replay; absent or null: not at all. */
  readonly retain?: { readonly keepMs: number; readonly bytesMax: number } | null;
  /** Messages sent or acknowledged beyond the stored cursor: what a kill can double. */
  readonly inFlightMax: number;
  /** Messages per second that are sent at most, so that a backlog doesn't drown the destination; null: as fast as it takes them. */
  readonly maxRate: number | null;
  /** What `at-most-once` messages may take in memory; absent: the defaults. */
  readonly memory?: { readonly messagesMax: number; readonly bytesMax: number };
  /** Null: the client for this type isn't installed or the destination is switched off; its rules are dormant. */
  readonly dormant: string | null;
}

/** How a source tells tenants. `trusted` names say which header is believed. */
export type TenantFrom =
  | { readonly from: "header"; readonly name: string }
  | { readonly from: "tokenClaim"; readonly claim: string }
  | { readonly from: "host"; readonly pattern: string }
  | { readonly from: "path"; readonly pattern: string };

export interface StaticRoute {
  /** `/users/{id}`: `{x}` is one segment, `*` any characters. */
  readonly path: string;
  readonly methods: readonly string[] | "*";
  readonly moduleName?: string;
  readonly moduleId?: string;
  readonly moduleVersion?: string;
  readonly interface?: string;
  readonly interfaceVersion?: string;
  readonly permission?: string;
}

export type PlatformSettings =
  | { readonly type: "none"; readonly tenant: { readonly header: string | null; readonly default: string } }
  | {
      readonly type: "static";
      readonly tenant: readonly TenantFrom[];
      readonly defaultTenant: string | null;
      readonly routes: readonly StaticRoute[];
    };

export interface SourceSettings {
  readonly name: string;
  readonly type: string;
  /** Null for sources that know their tenants themselves (agents: the wallet, or this default). */
  readonly platform: PlatformSettings | null;
  /** Tenant of agent events without a wallet. */
  readonly defaultTenant: string;
  /** The driver's own options, already checked by its schema. */
  readonly options: unknown;
}

/** How long events themselves are kept, whatever rules say, so that rules can be tried on them. */
export interface KeepEventsSettings {
  readonly keepMs: number;
  /** Bytes of all files; the oldest go first. */
  readonly bytesMax: number;
}

export interface FlowSettings {
  readonly instance: string;
  readonly env: string;
  readonly dataFolder: string;
  readonly sources: readonly SourceSettings[];
  readonly streams: readonly StreamSettings[];
  readonly destinations: readonly DestinationSettings[];
  /** Absent or null: no event is kept. */
  readonly keepEvents?: KeepEventsSettings | null;
  readonly limits: {
    /** Largest encoded message, bytes. */
    readonly messageBytesMax: number;
    /** Distinct topics a log will take. */
    readonly topicsMax: number;
    /** Tenants with metric labels of their own. */
    readonly tenantLabelsMax: number;
    /** Bytes between edge and engine, reserved, held or handed over. */
    readonly handoverBytesMax: number;
    /** Bytes a body may have when its content coding is undone. */
    readonly decodedBytesMax: number;
  };
}
