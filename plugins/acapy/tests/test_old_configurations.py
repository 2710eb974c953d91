"""Configurations of kafka_events and redis_events, as they are."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from journal_reader import heartbeat, read
from rig import ALICE, Bus, Event, Profile, connection
from test_spawn import PROGRAM

from sidestream_acapy import ConfigurationError
from sidestream_acapy.options import Options, read_options
from sidestream_acapy.plugin import Plugin
from sidestream_acapy.re2 import as_rule_regex, re2_problem

# As its README had it, with other topics.
EXAMPLE: dict[str, Any] = {
    "kafka": {
        "events": {
            "topic_maps": {
                "^acapy::webhook::(.*)$": "webhook-$wallet_id",
                "^acapy::record::connections::.*": "connections-$wallet_id",
                "acapy::record::[^:]*::([^:]*)$": "${category}.$state",
                "^acapy::record::": "records-$wallet_id",
                "acapy::basicmessage::": "records-$wallet_id",
            },
            "producer": {"bootstrap_servers": "kafka"},
        },
        "inbound": {"topics": ["acapy-inbound-message"], "consumer": {"group_id": "inbound"}},
        "outbound": {"topic": "acapy-outbound-message", "producer": {"bootstrap_servers": "kafka"}},
    }
}


@pytest.fixture(autouse=True)
def sidestream_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin/sidestream"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{PROGRAM[0]}" "{PROGRAM[1]}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "calls").touch()


def options(configured: dict[str, Any]) -> Options:
    return read_options({"plugin_config": configured})


def kafka(**producer: Any) -> dict[str, Any]:
    return {"kafka": {"events": {"producer": {"bootstrap_servers": "k1:9093", **producer}}}}


def destination(**producer: Any) -> dict[str, Any]:
    made: dict[str, Any] = options(kafka(**producer)).spawn.run["destinations"]["kafka1"]
    return made


def faults(configured: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as told:
        options(configured)
    return str(told.value)


def test_where_no_program_is_there_for_an_old_section_the_way_without_one_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    without = "sidestream: {match: first, spawn: false, mapsTo: "
    assert without in faults(EXAMPLE)
    run = {"destinations": {"files": {"type": "file", "path": "/e"}}}
    assert without not in faults({**REDIS, "sidestream": {"match": "first", "spawn": True, "run": run}})


def test_an_old_section_alone_is_enough_and_starts_sidestream(tmp_path: Path) -> None:
    read_from_old = options(EXAMPLE)
    assert read_from_old.journals == str(tmp_path / ".sidestream/journals")
    assert read_from_old.spawn.command == (str(tmp_path / "bin/sidestream"),)
    assert read_from_old.spawn.run["destinations"] == {
        "kafka1": {"type": "kafka", "brokers": ["kafka:9092"], "createTopics": True, "compression": "none"}
    }
    assert [each.split(" is for messages")[0] for each in read_from_old.spawn.warnings] == [
        "kafka.inbound",
        "kafka.outbound",
    ]


def test_the_first_map_that_fits_decides() -> None:
    (stream,) = options(EXAMPLE).spawn.streams
    assert {key: value for key, value in stream.items() if key not in ("rules", "title")} == {
        "stream": "acapy-kafka",
        "tenants": "all",
        "delivery": "at-least-once",
        "format": "acapy",
        "key": "{tenant}",
    }
    webhook = "TOPIC~/^(?:^acapy::webhook::(.*)$)/"
    connections = "TOPIC~/^(?:^acapy::record::connections::.*)/"
    state = "TOPIC~/^(?:acapy::record::[^:]*::([^:]*)$)/"
    records = "TOPIC~/^(?:^acapy::record::)/"
    messages = "TOPIC~/^(?:acapy::basicmessage::)/"
    assert stream["rules"] == [
        f"{webhook} , publish , kafka1:webhook-{{tenant}}",
        f"{connections} AND NOT ({webhook}) , publish , kafka1:connections-{{tenant}}",
        f"{state} AND NOT ({webhook} OR {connections}) , publish , kafka1:{{category}}.{{state}}",
        f"{records} AND NOT ({webhook} OR {connections} OR {state}) , publish , kafka1:records-{{tenant}}",
        # The one before it leads to the same topic, where a stream makes one message.
        f"{messages} AND NOT ({webhook} OR {connections} OR {state}) , publish , kafka1:records-{{tenant}}",
    ]


def test_match_all_publishes_by_each_map_as_the_old_plugin_did() -> None:
    streams = options({**EXAMPLE, "sidestream": {"match": "all", "qos": "exactly-once"}}).spawn.streams
    assert [stream["stream"] for stream in streams] == [f"acapy-kafka-{place}" for place in range(1, 6)]
    assert [len(stream["rules"]) for stream in streams] == [1] * 5
    assert streams[3]["rules"] == ["TOPIC~/^(?:^acapy::record::)/ , publish , kafka1:records-{tenant}"]
    assert {stream["delivery"] for stream in streams} == {"exactly-once"}


def test_only_what_a_map_takes_is_journaled() -> None:
    selection = options(EXAMPLE).selection
    assert selection.wants("acapy::record::connections::active")
    assert selection.wants("acapy::basicmessage::received-and-more"), "the old plugin compared from the beginning on"
    assert not selection.wants("acapy::problem_report")


def test_secrets_are_guarded_from_wide_maps_too() -> None:
    def wants(expression: str, topic: str) -> bool:
        maps = {"topic_maps": {expression: "t"}, "producer": {"bootstrap_servers": "k"}}
        return options({"kafka": {"events": maps}}).selection.wants(topic)

    assert not wants(".*", "acapy::outbound-message::undeliverable")
    assert not wants("^acapy::.*", "acapy::core::multitenant::wallet::created::w1")
    assert wants("^acapy::outbound-message::.*", "acapy::outbound-message::undeliverable")
    assert wants(".*", "acapy::problem_report")


@pytest.mark.parametrize("key", ["kafka", "kafka-queue"])
@pytest.mark.parametrize("is_dashed", [False, True])
def test_keys_may_have_underscores_or_dashes(key: str, is_dashed: bool) -> None:
    def written(values: dict[str, Any]) -> dict[str, Any]:
        return {name.replace("_", "-") if is_dashed else name: value for name, value in values.items()}

    producer = written({"bootstrap_servers": ["a:1", "b:2"], "client_id": "me"})
    configured = {key: {"events": written({"topic_maps": {"^a": "t"}, "producer": producer})}}
    spawn = options(configured).spawn
    assert spawn.run["destinations"]["kafka1"]["brokers"] == ["a:1", "b:2"]
    assert spawn.run["destinations"]["kafka1"]["clientId"] == "me"
    assert len(spawn.streams[0]["rules"]) == 1


def test_without_maps_there_are_those_of_the_old_plugin() -> None:
    rules = options(kafka()).spawn.streams[0]["rules"]
    assert [rule.rsplit(":", 1)[1] for rule in rules] == [
        "acapy-webhook-{tenant}",
        "acapy-record-with-state-{tenant}",
        "acapy-record-{tenant}",
        "acapy-basicmessage-received",
    ]


def test_tls_and_login_are_taken_over_and_nothing_in_them_is_filled_in() -> None:
    made = destination(
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username="me",
        sasl_plain_password="pa${env:HOME}ss$",
        ssl_cafile="/ca.pem",
        ssl_certfile="/cert.pem",
        ssl_keyfile="/key.pem",
        compression_type="gzip",
        request_timeout_ms=40000,
        metadata_max_age_ms="300000",
        acks="all",
        enable_idempotence=True,
    )
    assert made == {
        "type": "kafka",
        "brokers": ["k1:9093"],
        "createTopics": True,
        "compression": "gzip",
        "requestTimeout": "40000ms",
        "metadataAge": "300000ms",
        "tls": {"ca": "/ca.pem", "cert": "/cert.pem", "key": "/key.pem"},
        "login": {"mechanism": "scram-sha-512", "user": "me", "password": "pa$${env:HOME}ss$"},
    }
    assert destination(security_protocol="SSL")["tls"] is True
    login = destination(security_protocol="SASL_PLAINTEXT", sasl_plain_username="u", sasl_plain_password="p")
    assert login["login"]["mechanism"] == "plain" and "tls" not in login


def test_the_largest_request_is_the_largest_message() -> None:
    run = options(kafka(max_request_size=2_000_000)).spawn.run
    assert run["limits"] == {"messageBytesMax": 2_000_000}


def test_options_without_a_counterpart_are_named_all_at_once() -> None:
    text = faults(
        kafka(
            linger_ms=5,
            acks=1,
            sasl_mechanism="GSSAPI",
            enable_idempotence=False,
            transactional_id="x",
            ssl_cafile="/ca",
            bootstrap_servers=7,
        )
    )
    assert text.splitlines()[1:] == [
        "  kafka.events.producer.bootstrap_servers: expected host:port, or a list of them, not 7",
        "  kafka.events.producer.acks: expected all: Sidestream always waits for all replicas in sync (remove it)",
        "  kafka.events.producer.enable_idempotence: expected true: what is sent again is always told apart (remove it)",
        "  kafka.events.producer.security_protocol: expected SSL or SASL_SSL, since certificates are named, not PLAINTEXT",
        "  kafka.events.producer.sasl_mechanism: expected PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, not 'GSSAPI'",
        "  kafka.events.producer.linger_ms: this key is not known (it has no counterpart in Sidestream: remove it)",
        "  kafka.events.producer.transactional_id: this key is not known (it has no counterpart in Sidestream: remove it)",
    ]


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("(?=a)b", "look-ahead"),
        ("a(?!b)", "look-ahead"),
        ("(?<=a)b", "look-behind"),
        ("(?<!a)b", "look-behind"),
        (r"(a)\1", "a back-reference"),
        ("(?P<x>a)(?P=x)", "a back-reference"),
        ("(?>a)", "an atomic group"),
        ("(a)?(?(1)b|c)", "a condition"),
        ("a(?#b)", "a comment"),
        ("(?x)a", "a flag that only Python knows"),
        ("a++", "a possessive repetition"),
        ("a{2000}", "more than 1000 repetitions"),
        (r"a\Z", "an escape that only Python knows"),
        ("[\\u0061]", "an escape that only Python knows"),
        ("a\nb", "a line break"),
        ("(", "it is no regular expression"),
    ],
)
def test_expressions_that_re2_does_not_take_are_named(expression: str, problem: str) -> None:
    assert problem in str(re2_problem(expression))
    text = faults({"kafka": {"events": {"topic_maps": {expression: "t"}, "producer": {"bootstrap_servers": "k"}}}})
    assert f"kafka.events.topic_maps {expression!r}: expected an expression that RE2 takes; " in text


@pytest.mark.parametrize(
    "expression", ["^acapy::(record|webhook)::[^:]+?$", r"a\.b\d{2,5}", "[(?=]", r"\(\?=", "(?:a|b)", "(?P<n>a)", "(?i)a", "(?i:a)", "[]a]", "a{1000}", "[a+]+", r"\\+"]
)  # fmt: skip
def test_expressions_that_both_engines_take_are_left_as_they_are(expression: str) -> None:
    assert re2_problem(expression) is None


def test_slashes_are_written_as_rules_have_them() -> None:
    assert as_rule_regex(r"a/b\/c[/]") == r"/^(?:a\/b\/c[\/])/"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("$payload", "$payload is not one of $wallet_id, $topic, $category, $state"),
        ("$walletid", "did you mean wallet_id?"),
        ("a$$b", "a topic can't have a $ in it"),
        ("a:$wallet_id", "in 'a:' are other characters"),
        ("a $wallet_id", "in 'a ' are other characters"),
        ("$ {x}", "is no place of a template"),
        ("", "it is empty"),
        (7, "both texts"),
    ],
)
def test_templates_that_make_no_topic_are_named(template: Any, told: str) -> None:
    maps = {"topic_maps": {"^a": template}, "producer": {"bootstrap_servers": "k"}}
    assert told in faults({"kafka": {"events": maps}})


def test_a_section_beside_our_own_is_left_alone_unless_match_asks_for_it() -> None:
    left = options({**EXAMPLE, "sidestream": {"journals": "/j"}})
    assert left.spawn.command == () and left.spawn.streams == ()
    assert left.selection.wants("acapy::problem_report")
    assert left.spawn.warnings[0].startswith("the section kafka is left to the plugin that it is for")
    taken = options({**EXAMPLE, "sidestream": {"match": "first", "journals": "/j", "qos": "exactly-once"}})
    assert (taken.journals, taken.spawn.streams[0]["delivery"]) == ("/j", "exactly-once")


def test_choices_that_contradict_the_maps_are_faults() -> None:
    assert "sidestream.events: expected none, since the topic maps of kafka" in faults(
        {**EXAMPLE, "sidestream": {"match": "first", "events": ["default"]}}
    )
    assert "kafka, redis_queue: expected one old configuration" in faults({**EXAMPLE, "redis_queue": {}})


def test_spawning_can_be_declined_and_the_streams_are_written_all_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        configured = {**EXAMPLE, "sidestream": {"match": "first", "spawn": False, "journals": str(tmp_path / "j")}}
        plugin = Plugin(options(configured), Bus())
        await plugin.start()
        assert plugin.supervisor is None
        plugin.close()

    asyncio.run(run())
    assert (tmp_path / "j/.sidestream/streams/acapy-kafka.yaml").exists()
    assert not (tmp_path / "j/.sidestream/sidestream.yaml").exists()


REDIS: dict[str, Any] = {
    "redis_queue": {
        "connection": {"connection_url": "redis://default:hush@172.28.0.103:6379"},
        "inbound": {"acapy_inbound_topic": "acapy_inbound"},
        "event": {"event-topic-maps": {"^acapy::record::": "records"}, "deliver_webhook": True},
    }
}


def test_of_redis_the_maps_are_taken_and_a_destination_is_asked_for() -> None:
    text = faults(REDIS)
    assert "sidestream.run.destinations: expected a destination in place of the one of redis_queue" in text
    assert "sidestream: {match: first, spawn: true, run: {destinations: {kafka1:" in text
    assert "createTopics: true" in text
    assert "hush" not in text


def test_webhooks_that_redis_delivered_unasked_are_told_as_its_default() -> None:
    section = {"match": "first", "mapsTo": "kafka1"}
    (told,) = options({"redis_queue": {"event": {}}, "sidestream": section}).spawn.warnings
    assert told.startswith("redis_queue.event.deliver_webhook (true where it isn't set): webhooks are the agent's")
    silent = {"redis_queue": {"event": {"deliver_webhook": False}}, "sidestream": section}
    assert options(silent).spawn.warnings == ()


def test_the_maps_of_redis_lead_to_the_one_destination_that_there_is(tmp_path: Path) -> None:
    files = {"type": "file", "path": "/e"}
    section = {"match": "first", "spawn": True, "run": {"destinations": {"files": files}}}
    spawn = options({**REDIS, "sidestream": section}).spawn
    assert spawn.streams[0]["stream"] == "acapy-redis"
    assert spawn.streams[0]["rules"] == ["TOPIC~/^(?:^acapy::record::)/ , publish , files:records"]
    assert any("--webhook-url" in each for each in spawn.warnings)
    assert any("redis_queue.inbound" in each for each in spawn.warnings)
    named = options({**REDIS, "sidestream": {"match": "first", "mapsTo": "kafka7"}}).spawn
    assert named.command == ()
    assert named.streams[0]["rules"][0].endswith("kafka7:records")


def test_the_default_maps_of_redis_are_there() -> None:
    section = {"match": "first", "mapsTo": "kafka1"}
    (stream,) = options({"redis_queue": {"connection": {}}, "sidestream": section}).spawn.streams
    assert len(stream["rules"]) == 15
    targets = [rule.rsplit(":", 1)[1] for rule in stream["rules"]]
    assert "acapy-outbound-message-queued-for-delivery" in targets
    assert "acapy-revocation-notification-v2-received" in targets
    assert "acapy-ping-response_received" in targets


def test_the_whole_way_from_an_old_section_to_files_and_a_running_program(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        plugin = Plugin(options(EXAMPLE), bus)
        await plugin.start()
        try:
            await bus.notify(ALICE, connection())
            await bus.notify(Profile(), Event("acapy::problem_report", {}))
            while '"runs"' not in (tmp_path / "calls").read_text():
                await asyncio.sleep(0.01)
        finally:
            plugin.close()

    asyncio.run(run())
    (agent,) = [path for path in (tmp_path / ".sidestream/journals").iterdir() if not path.name.startswith(".")]
    assert [record.attributes["topic"] for record in read(agent).events] == [connection().topic]
    assert any("kafka.inbound" in each for each in heartbeat(agent)["notices"])
    written = json.loads((agent.parent / ".sidestream/sidestream.yaml").read_text())
    assert written["streams"] == ["./streams/acapy-kafka.yaml"]
    stream = json.loads((agent.parent / ".sidestream/streams/acapy-kafka.yaml").read_text())
    assert stream["stream"] == "acapy-kafka"
