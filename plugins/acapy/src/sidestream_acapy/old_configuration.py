"""Configurations of the plugins `kafka_events` and `redis_events`, taken as they are.

Their keys are written with underscores or dashes. What has no counterpart is a fault that names it, so that nobody
relies on what is not done. What they have beside events, messages of agents that go through a broker, isn't ours: it
stays with those plugins, whose transports read the same sections.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .faults import Faults, Section, shown
from .topic_maps import RECORDS_AND_WEBHOOKS, TopicMap, read_maps

KAFKA_SECTIONS = ("kafka", "kafka-queue")
REDIS_SECTION = "redis_queue"
OLD_SECTIONS = (*KAFKA_SECTIONS, REDIS_SECTION)
KAFKA_DESTINATION = "kafka1"

# What the old plugin asked when nothing was configured.
_KAFKA_BROKER = "kafka"
_KAFKA_PORT = 9092
_MECHANISMS = {"PLAIN": "plain", "SCRAM-SHA-256": "scram-sha-256", "SCRAM-SHA-512": "scram-sha-512"}
_REDIS_TOPICS = (
    "basicmessage::received",
    "problem_report",
    "ping::received",
    "ping::response_received",
    "actionmenu::received",
    "actionmenu::get-active-menu",
    "actionmenu::perform-menu-action",
    "keylist::updated",
    "revocation-notification::received",
    "revocation-notification-v2::received",
    "forward::received",
    "outbound-message::queued_for_delivery",
)
_REDIS_MAPS = RECORDS_AND_WEBHOOKS | {
    f"acapy::{topic}": f"acapy-{topic.replace('::', '-').replace('queued_for_', 'queued-for-')}"
    for topic in _REDIS_TOPICS
}


# How a section begins that was meant for an old plugin, and what it is called.
OLD_PREFIXES = {"kafka": "kafka-queue", "redis": REDIS_SECTION}


@dataclass(slots=True)
class OldConfiguration:
    """What an old section says of events."""

    # Part of the names of streams.
    name: str
    # The section, for people.
    section: str
    maps: list[TopicMap] = field(default_factory=list)
    # Of Sidestream; None: it has to be chosen.
    destination: dict[str, Any] | None = None
    limits: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def old_sections(configured: Mapping[str, Any]) -> list[str]:
    """Keys of the sections that are there."""
    return [key for key in OLD_SECTIONS if isinstance(configured.get(key), Mapping)]


def read_old(configured: Mapping[str, Any], key: str, faults: Faults) -> OldConfiguration:
    """Reads an old section, and tells what is wrong with it."""
    old = OldConfiguration(name="redis" if key == REDIS_SECTION else "kafka", section=key)
    section = Section(key, _with_underscores(configured[key]), faults)
    for transport in ("inbound", "outbound"):
        if section.get(transport) is not None:
            old.warnings.append(
                f"{key}.{transport} is for messages of the agent that go through a broker, which this plugin has nothing "
                f"to do with: keep {old.name}_events installed for its transports, without naming it as a --plugin"
            )
    if key == REDIS_SECTION:
        _read_redis(section, old)
    else:
        _read_kafka(section, old)
    section.tell_unknown()
    return old


def _with_underscores(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).replace("-", "_"): value for key, value in values.items()}


def _part(section: Section, key: str) -> Section:
    values = section.mapping(key) or {}
    return Section(f"{section.name}.{key}", _with_underscores(values), section.faults)


def _read_kafka(section: Section, old: OldConfiguration) -> None:
    events = _part(section, "events")
    maps = events.mapping("topic_maps")
    old.maps = read_maps(f"{events.name}.topic_maps", RECORDS_AND_WEBHOOKS if maps is None else maps, section.faults)
    producer = _part(events, "producer")
    if not producer.has("bootstrap_servers"):
        old.warnings.append(
            f"{producer.name}.bootstrap_servers is not set; the broker is {_KAFKA_BROKER}:{_KAFKA_PORT}"
        )
    old.destination = {"type": "kafka", "brokers": _brokers(producer), "createTopics": True}
    _read_client(producer, old)
    _read_security(producer, old.destination)
    producer.tell_unknown(lambda key: "it has no counterpart in Sidestream: remove it")
    events.tell_unknown()


def _brokers(producer: Section) -> list[str]:
    value = producer.get("bootstrap_servers")
    if value is None:
        value = _KAFKA_BROKER
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) and each.strip() for each in listed):
        producer.fault("bootstrap_servers", f"expected host:port, or a list of them, not {shown(value)}")
        return []
    return [each.strip() if ":" in each else f"{each.strip()}:{_KAFKA_PORT}" for each in listed]


def _read_client(producer: Section, old: OldConfiguration) -> None:
    assert old.destination is not None
    destination = old.destination
    client = producer.text("client_id")
    if client is not None:
        destination["clientId"] = client
    # The old producer compressed nothing unless it was told to, and consumers may not be able to.
    destination["compression"] = producer.choice("compression_type", ("none", "gzip", "snappy", "lz4", "zstd"), "none")
    for key, name in (("request_timeout_ms", "requestTimeout"), ("metadata_max_age_ms", "metadataAge")):
        if producer.has(key):
            destination[name] = f"{producer.whole(key, 0, 1, 86_400_000)}ms"
    if producer.has("max_request_size"):
        old.limits["messageBytesMax"] = producer.whole("max_request_size", 0, 16_384, 2**30)
    if producer.get("acks") not in (None, "all", -1, "-1"):
        producer.fault("acks", "expected all: Sidestream always waits for all replicas in sync", "remove it")
    if producer.flag("enable_idempotence") is False:
        producer.fault("enable_idempotence", "expected true: what is sent again is always told apart", "remove it")


def _read_security(producer: Section, destination: dict[str, Any]) -> None:
    protocol = producer.choice("security_protocol", ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), "PLAINTEXT")
    files = {
        "ca": producer.text("ssl_cafile"),
        "cert": producer.text("ssl_certfile"),
        "key": producer.text("ssl_keyfile"),
    }
    chosen = {name: _verbatim(file) for name, file in files.items() if file is not None}
    if protocol.endswith("SSL"):
        destination["tls"] = chosen or True
    elif chosen:
        producer.fault("security_protocol", f"expected SSL or SASL_SSL, since certificates are named, not {protocol}")
    mechanism = producer.choice("sasl_mechanism", tuple(_MECHANISMS), "PLAIN")
    user, password = producer.text("sasl_plain_username"), producer.text("sasl_plain_password")
    if not protocol.startswith("SASL"):
        return
    if user is None or password is None:
        producer.fault("sasl_plain_username", f"expected a user with sasl_plain_password, since {protocol} logs in")
        return
    login = {"mechanism": _MECHANISMS[mechanism], "user": _verbatim(user), "password": _verbatim(password)}
    destination["login"] = login


def _verbatim(text: str) -> str:
    """So that Sidestream fills nothing in."""
    return text.replace("${", "$${")


def _read_redis(section: Section, old: OldConfiguration) -> None:
    # Redis is no destination; what was said of the connection is of no use.
    section.get("connection")
    event = _part(section, "event")
    maps = event.mapping("event_topic_maps")
    old.maps = read_maps(f"{event.name}.event_topic_maps", _REDIS_MAPS if maps is None else maps, section.faults)
    delivers = event.flag("deliver_webhook")
    if delivers is not False or event.get("event_webhook_topic_maps") is not None:
        default = " (true where it isn't set)" if delivers is None else ""
        old.warnings.append(
            f"{event.name}.deliver_webhook{default}: webhooks are the agent's own matter; it sends them to its --webhook-url"
        )
    event.get("event_webhook_topic_maps")
    event.tell_unknown()
