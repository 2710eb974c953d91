"""Secrets don't leave an agent, also where they are asked for."""

import asyncio
from pathlib import Path
from typing import Any

from journal_reader import read
from rig import ALICE, Bus, Event, plugin_on

CREATED = "acapy::core::multitenant::wallet::created::w1"
OUTBOUND = "acapy::outbound-message::queued_for_delivery"


class OutboundMessage:
    """With the members of the agent's own."""

    def __init__(self) -> None:
        self.connection_id = "c1"
        self.enc_payload = b"encrypted-hush"
        self.payload = '{"@id": "m1", "content": "plain-hush"}'
        self.reply_thread_id = "t1"
        self.target_list = ["target-hush"]


def journaled(folder: Path, events: list[str], *notified: Event) -> list[Any]:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, folder, {"events": events}):
            for event in notified:
                await bus.notify(ALICE, event)

    asyncio.run(run())
    found = read(folder / "agent-1")
    assert found.gaps == []
    for path in (folder / "agent-1").iterdir():
        assert b"hush" not in path.read_bytes()
    return [record.content for record in found.events]


def test_keys_and_webhook_urls_are_taken_out_of_a_created_wallet(tmp_path: Path) -> None:
    settings = {
        "wallet.type": "askar",
        "wallet.key": "hush-1",
        "wallet.rekey": "hush-2",
        "dbstore.key": "hush-3",
        "wallet.seed": "hush-4",
        "wallet.webhook_urls": ["http://a#hush-5"],
        "nested": [{"jwt_secret": "hush-6", "Password": "hush-7", "apiToken": "hush-8", "kept": 1}],
        "wallet.id": "w1",
    }
    event = Event(CREATED, {"wallet_id": "w1", "wallet_name": "n", "settings": settings})
    expected = {"wallet.type": "askar", "nested": [{"kept": 1}], "wallet.id": "w1"}
    assert journaled(tmp_path, ["acapy::core::multitenant::wallet::created::*"], event) == [
        {"wallet_id": "w1", "wallet_name": "n", "settings": expected}
    ]


def test_of_an_outbound_message_only_ids_and_status_are_left(tmp_path: Path) -> None:
    ids = {"connection_id": "c1", "thread_id": "t1", "message_id": "m1"}
    assert journaled(
        tmp_path,
        ["acapy::outbound-message::*", "other::*"],
        Event(OUTBOUND, OutboundMessage()),
        Event(OUTBOUND, "<OutboundMessage hush>"),
        Event(OUTBOUND, {"connection_id": "c1", "payload": "hush"}),
        Event(OUTBOUND, None),
        Event("other::topic", OutboundMessage()),
    ) == [
        {"status": "queued_for_delivery", **ids},
        {"status": "queued_for_delivery"},
        {"status": "queued_for_delivery", "connection_id": "c1"},
        {"status": "queued_for_delivery"},
        ids,
    ]


def test_an_outbound_message_inside_of_another_payload_is_not_written(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {"events": "*"}):
            await bus.notify(ALICE, Event("other::topic", {"message": OutboundMessage()}))

    asyncio.run(run())
    assert read(tmp_path / "agent-1").gaps == [(1, 1, "unserialisable")]


def test_settings_of_the_agent_are_taken_out_of_any_payload(tmp_path: Path) -> None:
    settings = {
        "wallet.key": "hush-1",
        "wallet.seed": "hush-2",
        "wallet.storage_creds": "hush-3",
        "admin.admin_api_key": "hush-4",
        "admin.webhook_urls": ["http://a#hush-5"],
        "multitenant.jwt_secret": "hush-6",
        "dbstore.key": "hush-7",
        "wallet.id": "w1",
        "odd\ud800": 1,
    }
    assert journaled(tmp_path, ["*"], Event("acapy::webhook::mine", {"a": [settings]})) == [
        {"a": [{"wallet.id": "w1", "odd\ud800": 1}]}
    ]


def test_texts_that_only_look_like_settings_stay_as_they_are(tmp_path: Path) -> None:
    payload = {"content": 'the "wallet.key": is in my pocket', "invitation_key": "public", "state": "received"}
    assert journaled(tmp_path, ["default"], Event("acapy::basicmessage::received", payload)) == [payload]
