/**
 * The attributes of a message in binary form: a CloudEvent 1.0 whose attributes are protocol headers and whose data
 * alone is the value.
 *
 * Promise: the same attributes in the same order as in structured form, as plain UTF-8: the protocol binding for Kafka
 * knows no escaping. A protocol whose headers can't hold that escapes in its driver.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md section 3.2
 */
import type { IdentifiedEvent } from "../event.ts";
import { attributeText, KEY_CHARS_MAX, sequenceText, subjectText, timeOf } from "./attribute-text.ts";
import { DATA_SCHEMA_ID, type MessageHead } from "./encode.ts";
import type { Message } from "./message.ts";

type Header = Message["headers"][number];

const SPEC_VERSION: Header = ["ce_specversion", "1.0"];
const TYPES: Readonly<Record<IdentifiedEvent["kind"], Header>> = {
  transaction: ["ce_type", "dev.sidestream.transaction"],
  agent: ["ce_type", "dev.sidestream.agent"],
};
/** The binding maps `datacontenttype` to this header, and to no other. */
const CONTENT_TYPE: Header = ["content-type", "application/json"];
const DATA_SCHEMA: Header = ["ce_dataschema", DATA_SCHEMA_ID];
/** Of a value in the form of the agents' own queue plugins, which no schema describes. */
const ACAPY_TYPE: Header = ["ce_type", "dev.sidestream.acapy"];

/** Headers that the messages of one event have in common. */
export interface EventHeaders {
  readonly id: Header;
  readonly source: Header;
  readonly time: Header;
  readonly traceparent: Header | null;
  readonly tenant: Header | null;
}

/** @param source - As `sourceOf` makes it. */
export function eventHeaders(
  { id, timeMs, identity: { tenant } }: IdentifiedEvent,
  source: string,
  traceparent: string | null,
): EventHeaders {
  return {
    id: ["ce_id", attributeText(id)],
    source: ["ce_source", source],
    time: ["ce_time", timeOf(timeMs)],
    traceparent: traceparent === null ? null : ["ce_traceparent", traceparent],
    tenant: tenant === "" ? null : ["ce_sidestreamtenant", attributeText(tenant)],
  };
}

/**
 * All attributes of a message as protocol headers.
 *
 * @param form - Of the value: `data` as everywhere, or that of `format: acapy`.
 */
export function binaryHeaders(
  { event, subject, key, evidence }: MessageHead,
  common: EventHeaders,
  form: "data" | "acapy" = "data",
): Header[] {
  const type = form === "acapy" ? ACAPY_TYPE : TYPES[event.kind];
  const headers: Header[] = [SPEC_VERSION, common.id, common.source, type, common.time];
  if (subject !== "") headers.push(["ce_subject", subjectText(subject)]);
  headers.push(CONTENT_TYPE);
  if (form === "data") headers.push(DATA_SCHEMA);
  if (common.traceparent !== null) headers.push(common.traceparent);
  if (key !== "") headers.push(["ce_partitionkey", attributeText(key, KEY_CHARS_MAX)]);
  if (common.tenant !== null) headers.push(common.tenant);
  headers.push(
    ["ce_sidestreamstream", attributeText(evidence.stream)],
    ["ce_sidestreamrule", String(evidence.rule)],
    ["ce_sidestreamrevision", attributeText(evidence.revision)],
    ["ce_sidestreaminstance", attributeText(evidence.instance)],
    ["ce_sidestreamlog", attributeText(evidence.logId)],
    ["ce_sequence", sequenceText(evidence.sequence)],
  );
  return headers;
}
