/**
 * What an agent's event is called by the kind of its record, whichever way it came.
 *
 * The agent's bus and its webhooks have different names for one event: the bus `acapy::record::connections::completed`,
 * the webhook `connections`. The webhook's is what people know; where an event has none it is the bus's own, without
 * what stands around it.
 *
 * @see acapy_agent/admin/server.py, `EVENT_WEBHOOK_MAPPING`, for the names that don't follow from the topic.
 */
const WEBHOOKS: Readonly<Record<string, string>> = {
  "acapy::basicmessage::received": "basicmessages",
  "acapy::actionmenu::get-active-menu": "get-active-menu",
  "acapy::actionmenu::perform-menu-action": "perform-menu-action",
};

const BUS_TOPIC = /^(?:acapy|anoncreds|sidestream)::(?:record::|webhook::|journal::)?([^:]+)/i;

export function categoryOf(topic: string): string {
  return (Object.hasOwn(WEBHOOKS, topic) ? WEBHOOKS[topic] : BUS_TOPIC.exec(topic)?.[1]) ?? topic;
}
