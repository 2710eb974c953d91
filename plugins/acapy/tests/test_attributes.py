"""Attributes keep to the bounds of the format, whatever the agent gives."""

import json
from typing import Any

import pytest
from rig import Profile

from sidestream_acapy.attributes import (
    TenantFragments,
    clipped,
    fitting_wallet,
    record_fragment,
    topic_fragment,
)


def of_record(payload: Any) -> dict[str, Any]:
    return json.loads(b'{"topic":"t"' + record_fragment(payload))


def test_the_first_id_that_is_there_names_the_record() -> None:
    assert of_record({"connection_id": "c", "cred_ex_id": "x"})["recordId"] == "x"
    assert of_record({"connection_id": "c", "transaction_id": "x"})["recordId"] == "x"
    assert of_record({"id": "i", "wallet_id": "w", "message_id": "m"})["recordId"] == "m"
    assert of_record({"cred_ex_id": None, "connection_id": "c"})["recordId"] == "c"
    assert of_record({"cred_ex_id": {}, "connection_id": "c"})["recordId"] == "c"
    assert of_record({"record_id": 17})["recordId"] == "17"
    assert "recordId" not in of_record({"cred_ex_id": "", "connection_id": "c"})
    assert "recordId" not in of_record({"other": "c"})


def test_the_state_is_the_payloads_own() -> None:
    assert of_record({"state": "active"})["state"] == "active"
    assert "state" not in of_record({"state": ""})
    assert "state" not in of_record({"state": {"a": 1}})
    assert of_record("text") == {"topic": "t"}
    assert of_record(None) == {"topic": "t"}


def test_texts_are_cut_to_what_readers_take() -> None:
    assert clipped("é" * 300, 256) == "é" * 256
    assert clipped("😀" * 200, 256) == "😀" * 128
    assert clipped("x" + "😀" * 200, 256) == "x" + "😀" * 127
    assert clipped("a\x00b\x9f\ud800", 256) == "a\ufffdb\ufffd\ufffd"
    assert json.loads(topic_fragment("t" * 400) + b"}")["topic"] == "t" * 256


@pytest.mark.parametrize("wallet", ["", " ", "ä", "w" * 129, "a b", "\ud800", "\0", "é" * 200])
def test_an_odd_wallet_id_stays_one_of_its_own(wallet: str) -> None:
    fitting = fitting_wallet(wallet)
    assert 1 <= len(fitting) <= 128
    assert all(33 <= ord(each) <= 126 for each in fitting)
    assert fitting_wallet(wallet + "x") != fitting


def test_a_tenant_is_wallet_and_label_and_a_changed_label_shows_a_second_later() -> None:
    tenants = TenantFragments()
    alice = Profile("w1", "Alice")
    assert tenants.of(alice, 0) == b',"wallet":"w1","label":"Alice"'
    alice.settings["default_label"] = "Alice & Co"
    assert tenants.of(alice, 999_999_999) == b',"wallet":"w1","label":"Alice"'
    assert tenants.of(alice, 1_000_000_000) == b',"wallet":"w1","label":"Alice & Co"'
    assert tenants.of(Profile(), 0) == b""


def test_another_profile_in_the_place_of_one_that_is_gone_is_not_taken_for_it() -> None:
    tenants = TenantFragments()
    for number in range(100):
        profile = Profile(f"w{number}")
        assert tenants.of(profile, 0) == f',"wallet":"w{number}"'.encode()
        del profile


def test_the_memory_of_tenants_is_bounded() -> None:
    tenants = TenantFragments()
    profiles: list[Profile] = []
    for number in range(10_000):
        profiles.append(Profile(f"w{number}"))
        tenants.of(profiles[-1], 0)
    assert len(tenants._known) <= 4_096
