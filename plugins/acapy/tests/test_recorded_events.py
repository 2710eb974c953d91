"""Every event that was recorded of a real agent goes through the plugin; none of its secrets comes out."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from journal_reader import Journal, read
from rig import Bus, Event, Profile, plugin_on

RECORDED = Path(
    os.environ.get("SIDESTREAM_RECORDED_EVENTS", Path(__file__).parents[3] / "tests/data/acapy/eventbus.jsonl")
)
LINES: list[dict[str, Any]] = [json.loads(line) for line in RECORDED.read_text().splitlines()]
WIDEST = ["*", "acapy::core::multitenant::wallet::created::*", "acapy::outbound-message::*"]


class OutboundMessage:
    """Of the recording only the text of one is left."""

    def __init__(self, text: str) -> None:
        self.payload = re.search(r"payload='(\{.*?\})', reply", text, re.DOTALL)[1]  # type: ignore[index]
        self.connection_id = "c1"
        self.text = text


def secrets() -> list[bytes]:
    found: set[str] = set()
    for line in LINES:
        if "wallet::created" in line["topic"]:
            settings = line["payload"]["settings"]
            found.add(f'"{settings["wallet.key"]}"')
            found.update(url.split("#")[1] for url in settings["wallet.webhook_urls"])
            found.update(settings["wallet.webhook_urls"])
        if line["payload_type"] == "OutboundMessage":
            # The message in the clear, as it stands and as a text within JSON.
            clear = OutboundMessage(line["payload"]).payload[:120]
            found.update(("sender_key=", clear, json.dumps(clear, ensure_ascii=False)[1:-1]))
    return [each.encode() for each in found]


def replayed(folder: Path, events: list[str]) -> Journal:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, folder, {"events": events}):
            for line in LINES:
                is_outbound = line["payload_type"] == "OutboundMessage"
                payload = OutboundMessage(line["payload"]) if is_outbound else line["payload"]
                await bus.notify(Profile(line["wallet_id"], line["wallet_name"]), Event(line["topic"], payload))
            assert bus.notified == [line["topic"] for line in LINES]

    asyncio.run(run())
    return read(folder / "agent-1")


def test_by_default_records_and_messages_are_journaled_as_they_are(tmp_path: Path) -> None:
    wanted = [line for line in LINES if not line["topic"].startswith(("acapy::core::", "acapy::outbound-message::"))]
    found = replayed(tmp_path, ["default"])
    assert found.gaps == []
    assert [record.attributes["topic"] for record in found.events] == [line["topic"] for line in wanted]
    assert [record.content for record in found.events] == [line["payload"] for line in wanted]
    assert [record.attributes.get("wallet") for record in found.events] == [line["wallet_id"] for line in wanted]
    states = [line["payload"].get("state") for line in wanted]
    assert [record.attributes.get("state") for record in found.events] == states


def test_by_the_widest_choice_every_event_is_journaled(tmp_path: Path) -> None:
    found = replayed(tmp_path, WIDEST)
    assert found.gaps == []
    assert [record.attributes["topic"] for record in found.events] == [line["topic"] for line in LINES]


@pytest.mark.parametrize("events", [["default"], ["*"], WIDEST], ids=["default", "star", "widest"])
def test_no_key_and_no_message_in_the_clear_is_in_any_file(tmp_path: Path, events: list[str]) -> None:
    assert len(secrets()) >= 6
    recorded = RECORDED.read_bytes()
    recorded += b"".join(line["payload"].encode() for line in LINES if isinstance(line["payload"], str))
    assert len([secret for secret in secrets() if secret not in recorded]) == 0
    replayed(tmp_path, events)
    for path in (tmp_path / "agent-1").iterdir():
        data = path.read_bytes()
        assert [secret for secret in secrets() if secret in data] == []
