"""Which events are journaled."""

import re

import pytest

from sidestream_acapy.topics import PatternSelection, TopicFilter

BY_DEFAULT = [
    "acapy::record::connections::active",
    "acapy::record::issue_credential_v2_0_ld_proof",
    "acapy::record::out_of_band::initial",
    "acapy::record::revocation_registry::generated",
    "acapy::record::w3c_credential::delete",
    "acapy::basicmessage::received",
    "acapy::problem_report",
    "acapy::ping::received",
    "acapy::ping::response_received",
    "acapy::actionmenu::get-active-menu",
    "acapy::keylist::updated",
    "acapy::forward::received",
    "acapy::webhook::connection_reuse",
    "acapy::revocation-notification::received",
    "acapy::revocation-notification-v2::received",
]
NOT_BY_DEFAULT = [
    "",
    "acapy::core::startup",
    "acapy::core::shutdown",
    "acapy::core::multitenant::wallet::created::w1",
    "acapy::outbound-message::queued_for_delivery",
    "acapy::SCHEMA::1",
    "acapy::CRED_DEF::1",
    "acapy::REVOCATION::published::1",
    "acapy::ENDORSE_DID::1",
    "acapy::cred-revoked",
    "anoncreds::schema::finished",
    "acapy::basicmessage::received-otherwise",
    "other",
]
GUARDED = ["acapy::core::multitenant::wallet::created::w1", "acapy::outbound-message::undeliverable"]


@pytest.mark.parametrize("topic", BY_DEFAULT)
def test_what_webhooks_carry_is_journaled_by_default(topic: str) -> None:
    assert PatternSelection(["default"]).wants(topic)
    assert re.match(PatternSelection(["default"]).regex(), topic)


@pytest.mark.parametrize("topic", NOT_BY_DEFAULT)
def test_everything_else_is_only_journaled_by_name(topic: str) -> None:
    assert TopicFilter(PatternSelection(["default"])).fragment(topic) is None
    if topic:
        assert PatternSelection(["default", topic]).wants(topic)


@pytest.mark.parametrize("topic", GUARDED)
@pytest.mark.parametrize("pattern", ["*", "acapy::*", "acapy::core::*", "acapy::outbound*", "default"])
def test_topics_with_secrets_are_not_meant_by_a_wider_pattern(topic: str, pattern: str) -> None:
    assert not PatternSelection([pattern]).wants(topic)


def test_topics_with_secrets_are_journaled_when_asked_for_by_their_own_beginning() -> None:
    created, outbound = GUARDED
    assert PatternSelection(["acapy::core::multitenant::wallet::created::*"]).wants(created)
    assert PatternSelection(["*", "acapy::outbound-message::*"]).wants(outbound)
    assert PatternSelection([outbound]).wants(outbound)


def test_default_stands_for_the_list_and_a_star_for_all_else() -> None:
    selection = PatternSelection(["default", "anoncreds::*"])
    assert selection.wants("acapy::problem_report")
    assert selection.wants("anoncreds::schema::finished")
    assert PatternSelection(["*"]).wants("whatever")


def test_what_was_decided_is_remembered_within_bounds() -> None:
    topics = TopicFilter(PatternSelection(["acapy::record::*"]))
    for number in range(10_000):
        assert topics.fragment(f"acapy::record::x::{number}") == b'{"topic":"acapy::record::x::%d"' % number
        assert topics.fragment(f"other::{number}") is None
    assert len(topics._fragments) <= 4_096
