"""The configuration: defaults, and every fault told at once."""

import os
from typing import Any

import pytest

from sidestream_acapy.errors import ConfigurationError
from sidestream_acapy.options import Options, normalised_name, read_options


def options(**section: Any) -> Options:
    return read_options({"plugin_config": {"sidestream": {"journals": "/j", "agent": "a", **section}}})


def faults(**section: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as told:
        options(**section)
    lines = str(told.value).split("\n  ")
    count = "is a fault" if len(lines) == 2 else f"are {len(lines) - 1} faults"
    assert lines[0] == f"sidestream: there {count} in the configuration:"
    return lines[1:]


@pytest.mark.parametrize("configured", [None, {}, {"other": {"a": 1}}, {"sidestream": None}, {"sidestream": {}}])
def test_without_a_configuration_the_least_is_shown(configured: Any) -> None:
    with pytest.raises(ConfigurationError, match="nothing is configured(.|\n)*sidestream:\n  journals: /var/lib"):
        read_options({"plugin_config": configured})
    with pytest.raises(ConfigurationError):
        read_options({})


def test_defaults_are_filled_in() -> None:
    read = read_options({"plugin_config": {"sidestream": {"journals": "journals"}}})
    assert read.journals == os.path.abspath("journals")
    assert read.agent == normalised_name(os.uname().nodename)
    assert read.qos == "at-least-once"
    assert (read.bytes_max, read.segment_bytes, read.event_bytes_max) == (2**30, 8 * 2**20, 16 * 2**20)
    assert (read.fails_closed, read.hold_ms_max, read.syncs, read.fsync_ms) == (False, 5_000, False, 5)
    assert read.heartbeat_ms == 5_000
    assert read.selection.wants("acapy::problem_report")


def test_numbers_and_lists_may_come_as_texts() -> None:
    read = options(
        holdMsMax="250",
        bytesMax="256MiB",
        segmentBytes="65536",
        eventBytesMax="2 MiB",
        events="acapy::ping::*",
        agent=7,
    )
    assert (read.hold_ms_max, read.bytes_max, read.segment_bytes) == (250, 2**28, 65_536)
    assert (read.event_bytes_max, read.agent) == (2**21, "7")
    assert not read.selection.wants("acapy::problem_report")


def test_a_small_budget_brings_small_segments() -> None:
    read = options(bytesMax="4MiB")
    assert (read.segment_bytes, read.event_bytes_max) == (2**19, 2**20)


def test_all_faults_are_told_at_once_each_with_its_key() -> None:
    assert faults(
        agent="/etc",
        qos="atleastonce",
        events=["acapy::*::x", "acapy::record::*"],
        segmentBytes="8MB",
        holdMsMax=-1,
        whenJournalFull="fail-close",
        fsync=True,
        heartbeatMs="soon",
        journal="x",
        quality="y",
    ) == [
        "sidestream.qos: expected at-most-once, at-least-once or exactly-once, not 'atleastonce' (did you mean at-least-once?)",
        "sidestream.segmentBytes: expected a size such as 8MiB, not '8MB' (did you mean 8MiB?)",
        "sidestream.events: expected a topic, or the beginning of one and a star at the end, not 'acapy::*::x' "
        "(such as acapy::record::*)",
        "sidestream.agent: expected 1 to 63 letters, digits, dots, dashes or underscores, the first a letter or digit, "
        "not '/etc' (such as etc)",
        "sidestream.whenJournalFull: expected fail-open or fail-closed, not 'fail-close' (did you mean fail-closed?)",
        "sidestream.holdMsMax: expected 0 to 600,000, not -1",
        "sidestream.fsync: expected none or batch, not True",
        "sidestream.heartbeatMs: expected 100 to 3,600,000, not 'soon'",
        "sidestream.journal: this key is not known (did you mean journals?)",
        "sidestream.quality: this key is not known",
    ]


@pytest.mark.parametrize("pattern", ["acapy", "acapy::record", "acapy::ping", "acapy::outbound-message"])
def test_the_beginning_of_topics_without_a_star_is_told(pattern: str) -> None:
    [fault] = faults(events=["default", pattern])
    assert fault.endswith(f"not '{pattern}' (did you mean {pattern}::*?)")


def test_a_topic_without_a_star_is_taken() -> None:
    topics = [
        "acapy::problem_report",
        "acapy::record::connections",
        "acapy::revocation-notification",
        "acapy::core::startup",
    ]
    assert all(options(events=topics).selection.wants(topic) for topic in topics)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("2 gb", "expected a size such as 8MiB, not '2 gb' (did you mean 2GiB?)"),
        ("much", "expected a size such as 8MiB, not 'much'"),
        (True, "expected a size such as 8MiB, not True"),
        ("64KiB", "expected 1MiB to 1TiB, not '64KiB'"),
    ],
)
def test_a_size_that_is_none_is_told_apart_from_one_that_is_too_small(size: Any, told: str) -> None:
    assert f"sidestream.bytesMax: {told}" in faults(bytesMax=size)


@pytest.mark.parametrize("pattern", ["connections", "acapy::recrod::*", "acapi::*", "acapy::basicmessages", "x"])
def test_a_pattern_that_no_stock_agent_fulfils_is_taken_with_a_warning(pattern: str) -> None:
    read = options(events=["default", pattern])
    assert len(read.warnings) == 1
    assert repr(pattern) in read.warnings[0]
    assert read.selection.wants(pattern.removesuffix("*"))


@pytest.mark.parametrize(
    "pattern",
    ["*", "acapy::*", "acapy::record::*", "acapy::record::connections::*", "anoncreds::*", "acapy::core::startup"]
    + ["acapy::outbound-message::*", "acapy::cred-revoked", "acapy::webhook::of-a-plugin", "acapy::REVOCATION::*"],
)
def test_a_pattern_that_stock_agents_fulfil_brings_no_warning(pattern: str) -> None:
    assert options(events=[pattern]).warnings == ()


@pytest.mark.parametrize("name", ["sidestream_acapy", "sidestream-acapy", "Sidestream"])
def test_a_section_with_nearly_our_name_is_told(name: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"^{name}: this section is not read; call it sidestream\nsidestream: nothing is"
    ):
        read_options({"plugin_config": {name: {"journals": "/j"}}})


@pytest.mark.parametrize(
    ("name", "meant"),
    [("sidestrem", "sidestream"), ("kafka_queue", "kafka-queue"), ("kafka_events", "kafka-queue")]
    + [("redis-queue", "redis_queue"), ("redis_events", "redis_queue")],
)
def test_a_section_that_is_misspelt_or_called_like_an_old_plugin_is_told(name: str, meant: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"^{name}: this section is not read; call it {meant}\nsidestream: noth"
    ):
        read_options({"plugin_config": {"other": {}, name: {"events": {}}}})


@pytest.mark.parametrize("journals", [None, "", [], {}])
def test_the_folder_is_needed(journals: Any) -> None:
    assert faults(journals=journals)[0].startswith("sidestream.journals: expected ")


def test_a_section_that_is_no_mapping_is_told() -> None:
    with pytest.raises(ConfigurationError, match="sidestream: expected keys with values, not 'journals'"):
        read_options({"plugin_config": {"sidestream": "journals"}})


def test_a_budget_in_which_the_largest_event_would_never_fit_is_refused() -> None:
    assert "sidestream.bytesMax: expected at least " in faults(bytesMax="16MiB", eventBytesMax="16MiB")[0]


def test_an_event_has_room_in_a_record() -> None:
    assert faults(eventBytesMax="64MiB", bytesMax="1GiB")[0].startswith("sidestream.eventBytesMax: expected 1KiB to ")
    assert options(eventBytesMax="63MiB").event_bytes_max == 63 * 2**20


def test_failing_closed_contradicts_at_most_once() -> None:
    assert faults(qos="at-most-once", whenJournalFull="fail-closed")[0].startswith("sidestream.whenJournalFull: ")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("pod-1", "pod-1"),
        ("agent one.example", "agent-one.example"),
        ("-.x", "x"),
        ("ä", "agent"),
        ("a" * 99, "a" * 63),
    ],
)
def test_a_hosts_name_becomes_a_journals_name(host: str, name: str) -> None:
    assert normalised_name(host) == name
