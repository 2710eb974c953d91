"""The same on the real bus, where an agent is installed: its own Event, its own tasks."""

import asyncio
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from journal_reader import heartbeat, read
from rig import ALICE, plugin_on, settings

if importlib.util.find_spec("acapy_agent") is None:
    pytest.skip("no acapy-agent is installed here", allow_module_level=True)

from acapy_agent.anoncreds.events import CredDefFinishedEvent, CredDefFinishedPayload
from acapy_agent.config.injection_context import InjectionContext
from acapy_agent.connections.models.conn_record import ConnRecord
from acapy_agent.core.event_bus import Event, EventBus
from acapy_agent.transport.outbound.message import OutboundMessage
from acapy_agent.transport.outbound.status import OutboundSendStatus

import sidestream_acapy


def test_setup_wraps_the_bus_that_the_agent_injects_and_subscribers_go_on(tmp_path: Path) -> None:
    async def run() -> None:
        context = InjectionContext(settings=settings(tmp_path, {"events": ["*", "acapy::outbound-message::*"]}))
        bus = EventBus()
        context.injector.bind_instance(EventBus, bus)
        await sidestream_acapy.setup(context)
        seen: asyncio.Queue[Any] = asyncio.Queue()

        async def subscriber(_profile: Any, event: Any) -> None:
            await seen.put(event)

        bus.subscribe(re.compile("acapy::record"), subscriber)
        record = ConnRecord(connection_id="c1", state="active", my_did="did")
        await bus.notify(ALICE, Event("acapy::record::connections::active", record.serialize()))
        assert (await seen.get()).payload["connection_id"] == "c1"
        # Its members differ by version.
        made = CredDefFinishedPayload(**{name: f"the {name}" for name in CredDefFinishedPayload._fields})
        await bus.notify(ALICE, CredDefFinishedEvent(made))
        await bus.notify(ALICE, Event("acapy::other", record))
        message = OutboundMessage(connection_id="c1", payload='{"@id":"m1","content":"hush"}')
        await bus.notify(ALICE, Event(OutboundSendStatus.QUEUED_FOR_DELIVERY.topic, message))
        await bus.notify(ALICE, Event("acapy::core::shutdown", {}))
        assert heartbeat(tmp_path / "agent-1")["stopped"] is True
        if hasattr(bus, "shutdown"):
            await bus.shutdown()

    asyncio.run(run())
    found = read(tmp_path / "agent-1")
    assert found.gaps == []
    contents = [record.content for record in found.events]
    assert contents[0]["connection_id"] == "c1"
    assert contents[1]["schema_id"] == "the schema_id"
    assert found.events[1].attributes["topic"] == "anoncreds::credential-definition::finished"
    assert contents[2]["connection_id"] == "c1"
    assert contents[3] == {"status": "queued_for_delivery", "connection_id": "c1", "message_id": "m1"}


def test_the_real_bus_can_be_wrapped(tmp_path: Path) -> None:
    async def run() -> None:
        bus = EventBus()
        async with plugin_on(bus, tmp_path):
            assert heartbeat(tmp_path / "agent-1")["notices"] == []
            assert bus.topic_patterns_to_subscribers == {}, "no slot of the bus is used"

    asyncio.run(run())


def test_the_real_bus_can_be_subscribed_to_where_it_cannot_be_wrapped(tmp_path: Path) -> None:
    class Fixed(EventBus):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "notify":
                raise AttributeError("it is fixed")
            super().__setattr__(name, value)

    async def run() -> None:
        bus = Fixed()
        async with plugin_on(bus, tmp_path) as plugin:
            for number in range(20):
                await bus.notify(ALICE, Event("acapy::record::connections::active", {"connection_id": f"c{number}"}))
            while plugin.journal.sequence < 20:
                await asyncio.sleep(0)
            await bus.notify(ALICE, Event("acapy::core::shutdown", {}))
            while not heartbeat(tmp_path / "agent-1")["stopped"]:
                await asyncio.sleep(0)
        assert "it is fixed" in heartbeat(tmp_path / "agent-1")["notices"][0]

    asyncio.run(run())
    found = read(tmp_path / "agent-1")
    assert [record.content["connection_id"] for record in found.events] == [f"c{number}" for number in range(20)]
