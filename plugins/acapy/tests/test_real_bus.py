"""The same on the real bus, where an agent is installed: its own Event, its own tasks."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from journal_reader import heartbeat, read
from rig import ALICE, plugin_on, settings

if importlib.util.find_spec("acapy_agent") is None:
    pytest.skip("no acapy-agent is installed here", allow_module_level=True)

from acapy_agent.anoncreds.events import SchemaFinishedEvent
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

        bus.subscribe("acapy::record", subscriber)
        record = ConnRecord(connection_id="c1", state="active", my_did="did")
        await bus.notify(ALICE, Event("acapy::record::connections::active", record.serialize()))
        assert (await seen.get()).payload["connection_id"] == "c1"
        await bus.notify(
            ALICE,
            SchemaFinishedEvent.with_payload(
                schema_id="s", issuer_id="i", name="n", version="1", attr_names=["a"], options={}
            ),
        )
        await bus.notify(ALICE, Event("acapy::other", record))
        message = OutboundMessage(connection_id="c1", payload='{"@id":"m1","content":"hush"}')
        await bus.notify(ALICE, Event(OutboundSendStatus.QUEUED_FOR_DELIVERY.topic, message))
        await bus.notify(ALICE, Event("acapy::core::shutdown", {}))
        assert heartbeat(tmp_path / "agent-1")["stopped"] is True
        await bus.shutdown()

    asyncio.run(run())
    found = read(tmp_path / "agent-1")
    assert found.gaps == []
    contents = [record.content for record in found.events]
    assert contents[0]["connection_id"] == "c1"
    assert contents[1]["attr_names"] == ["a"]
    assert contents[2]["connection_id"] == "c1"
    assert contents[3] == {"status": "queued_for_delivery", "connection_id": "c1", "message_id": "m1"}


def test_the_real_bus_can_be_wrapped(tmp_path: Path) -> None:
    async def run() -> None:
        bus = EventBus()
        async with plugin_on(bus, tmp_path):
            assert heartbeat(tmp_path / "agent-1")["notices"] == []
            assert bus.topic_patterns_to_subscribers == {}, "no slot of the bus is used"

    asyncio.run(run())
