"""How the plugin sits in an agent."""

import asyncio
import re
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest
from journal_reader import heartbeat, read
from rig import ALICE, BASE, AwaitingBus, Bus, Event, SlottedBus, connection, plugin_on, settings

import sidestream_acapy
from sidestream_acapy import ConfigurationError
from sidestream_acapy.errors import JournalUnusable


class Context:
    """The agent's, as far as plugins see it."""

    def __init__(self, bus: Any, given: dict[str, Any]) -> None:
        self.settings = given
        self.bus = bus

    def inject(self, kind: Any) -> Any:
        assert kind.__name__ == "EventBus"
        return self.bus


@pytest.fixture
def agent_module(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A package of the agent's name that has a bus class."""
    name = request.param
    module = types.ModuleType(f"{name}.core.event_bus")
    module.EventBus = type("EventBus", (), {})  # type: ignore[attr-defined]
    for package in ("acapy_agent", "aries_cloudagent"):
        for path in (package, f"{package}.core", f"{package}.core.event_bus"):
            monkeypatch.setitem(sys.modules, path, None)
    for path in (name, f"{name}.core"):
        monkeypatch.setitem(sys.modules, path, types.ModuleType(path))
    monkeypatch.setitem(sys.modules, f"{name}.core.event_bus", module)


@pytest.mark.parametrize("agent_module", ["acapy_agent", "aries_cloudagent"], indirect=True)
@pytest.mark.usefixtures("agent_module")
def test_setup_takes_the_bus_that_the_agent_injects(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        await sidestream_acapy.setup(Context(bus, settings(tmp_path)))
        await bus.notify(ALICE, connection())
        assert bus.notified == [connection().topic]

    asyncio.run(run())
    # The end of the loop is a clean end.
    assert heartbeat(tmp_path / "agent-1")["stopped"] is True
    assert len(read(tmp_path / "agent-1").events) == 1


def test_nothing_but_the_standard_library_is_imported_with_the_package() -> None:
    script = (
        "import sys; before = set(sys.modules); import sidestream_acapy.__main__; "
        "tops = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(tops - sys.stdlib_module_names)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "{'sidestream_acapy'}\n"


def test_an_event_is_journaled_before_the_bus_hears_of_it_and_in_the_order_of_the_calls(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        seen: list[int] = []

        async def subscriber(_profile: Any, event: Any) -> None:
            seen.append(len(read(tmp_path / "agent-1").events))

        bus.subscribe(re.compile("acapy::record"), subscriber)
        async with plugin_on(bus, tmp_path):
            for number in range(5):
                await bus.notify(ALICE, connection(number))
            await asyncio.gather(*bus.tasks)
        assert len(seen) == 5 and min(seen) >= 1

    asyncio.run(run())
    found = read(tmp_path / "agent-1")
    assert [record.content["connection_id"] for record in found.events] == [f"c{number}" for number in range(5)]


def test_attributes_tell_whose_an_event_is(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path):
            await bus.notify(ALICE, connection())
            await bus.notify(BASE, Event("acapy::ping::received", {"comment": None}))

    asyncio.run(run())
    first, second = read(tmp_path / "agent-1").events
    assert first.attributes == {
        "topic": "acapy::record::connections::active",
        "wallet": "alice-wallet",
        "label": "Alice",
        "state": "active",
        "recordId": "c1",
    }
    assert second.attributes == {"topic": "acapy::ping::received"}
    assert abs(second.time_ns - time.time_ns()) < 600 * 10**9


def test_what_is_not_wanted_is_not_even_looked_into(tmp_path: Path) -> None:
    class Guarded(Event):
        @property
        def payload(self) -> Any:
            raise AssertionError("nobody may look")

        @payload.setter
        def payload(self, value: Any) -> None:
            pass

    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path) as plugin:
            await bus.notify(ALICE, Guarded("acapy::outbound-message::undeliverable"))
            assert plugin.journal.sequence == 0

    asyncio.run(run())
    assert heartbeat(tmp_path / "agent-1")["sequence"] == 0


def test_what_the_bus_returns_and_raises_reaches_the_caller(tmp_path: Path) -> None:
    class Answering(Bus):
        async def notify(self, profile: Any, event: Any) -> Any:
            if event.topic == "acapy::record::bad":
                raise ValueError("the bus's own")
            return "answer"

    async def run() -> None:
        bus = Answering()
        async with plugin_on(bus, tmp_path):
            assert await bus.notify(profile=ALICE, event=connection()) == "answer"
            with pytest.raises(ValueError, match="own"):
                await bus.notify(ALICE, Event("acapy::record::bad"))

    asyncio.run(run())


def test_a_second_setup_is_an_error(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path):
            with pytest.raises(ConfigurationError, match="set up twice"):
                async with plugin_on(bus, tmp_path / "other"):
                    pass
            await bus.notify(ALICE, connection())

    asyncio.run(run())
    assert len(read(tmp_path / "agent-1").events) == 1


def test_a_journal_that_cannot_be_opened_leaves_the_bus_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def run() -> None:
        bus = Bus()
        before = bus.notify
        with pytest.raises(JournalUnusable):
            async with plugin_on(bus, tmp_path / "file"):
                pass
        assert bus.notify == before
        async with plugin_on(bus, tmp_path / "journals"):
            pass

    asyncio.run(run())


class OtherParameters(AwaitingBus):
    async def notify(self, profile: Any, event: Any, *, urgent: bool = False) -> None:
        await super().notify(profile, event)


class PlainNotify(AwaitingBus):
    def notify(self, profile: Any, event: Any) -> Any:  # type: ignore[override]
        return super().notify(profile, event)


@pytest.mark.parametrize("kind", [SlottedBus, OtherParameters, PlainNotify])
def test_a_bus_that_cannot_be_wrapped_is_subscribed_to_and_the_operator_told(tmp_path: Path, kind: Any) -> None:
    more = {"events": ["default", "anoncreds::*"], "whenJournalFull": "fail-closed", "fsync": "batch"}

    async def run() -> None:
        bus = kind()
        async with plugin_on(bus, tmp_path, more):
            await bus.notify(ALICE, connection(1))
            await bus.notify(ALICE, Event("acapy::core::startup", {}))
            await bus.notify(ALICE, Event("acapy::outbound-message::undeliverable", {}))
            await bus.notify(ALICE, Event("anoncreds::schema::finished", {"a": 1}))
            await bus.notify(BASE, Event("acapy::core::shutdown", {}))
            assert heartbeat(tmp_path / "agent-1")["stopped"] is True

    asyncio.run(run())
    found = read(tmp_path / "agent-1")
    assert [record.attributes["topic"] for record in found.events] == [
        connection().topic,
        "anoncreds::schema::finished",
    ]
    assert "the agent's event bus can't be wrapped" in heartbeat(tmp_path / "agent-1")["notices"][0]


def test_a_subscriber_is_never_held(tmp_path: Path) -> None:
    small = {"bytesMax": "1MiB", "segmentBytes": "64KiB", "eventBytesMax": "64KiB", "holdMsMax": 600_000}

    async def run() -> None:
        bus = SlottedBus()
        async with plugin_on(bus, tmp_path, small) as plugin:
            for number in range(100):
                await bus.notify(ALICE, connection(number, 40_000))
            assert plugin.journal.dropped["full"] > 0

    asyncio.run(run())


def test_the_agents_shutdown_stops_the_journal_cleanly_and_later_events_are_kept_all_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path):
            await bus.notify(ALICE, connection(1))
            await bus.notify(BASE, Event("acapy::core::shutdown", {}))
            said = heartbeat(tmp_path / "agent-1")
            assert (said["stopped"], said["sequence"]) == (True, 1)
            await bus.notify(ALICE, connection(2))
        said = heartbeat(tmp_path / "agent-1")
        assert (said["stopped"], said["sequence"]) == (True, 2)
        await bus.notify(ALICE, connection(3))
        assert len(bus.notified) == 4

    asyncio.run(run())
    assert len(read(tmp_path / "agent-1").events) == 2


def test_the_heartbeat_says_who_writes_and_comes_again(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {"heartbeatMs": 100, "qos": "exactly-once"}) as plugin:
            first = heartbeat(tmp_path / "agent-1")
            assert first["boot"] == plugin.journal.boot.hex()
            assert (first["version"], first["agent"], first["qos"]) == (1, "agent-1", "exactly-once")
            assert (first["everyMs"], first["sequence"], first["dropped"]) == (100, 0, {})
            assert first["stopped"] is False and first["writer"].startswith("sidestream-acapy ")
            await bus.notify(ALICE, connection())
            while heartbeat(tmp_path / "agent-1")["sequence"] == 0:
                await asyncio.sleep(0)
            assert (tmp_path / "agent-1/heartbeat").stat().st_mode & 0o777 == 0o600

    asyncio.run(run())


def test_a_journal_that_is_removed_under_a_running_agent_is_made_again_and_that_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "agent-1"

    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path) as plugin:
            await bus.notify(ALICE, connection(1))
            shutil.rmtree(folder)
            plugin._work()
            await bus.notify(ALICE, connection(2))
            plugin._work()
            said = heartbeat(folder)
            assert said["sequence"] == 2
            assert [
                text for text in said["notices"] if "was removed while the agent ran, and is made again" in text
            ] != []

    asyncio.run(run())
    assert [record.sequence for record in read(folder).events] == [2]


def test_the_heartbeat_of_another_agent_is_left_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with plugin_on(Bus(), tmp_path) as robbed:
            shutil.rmtree(tmp_path / "agent-1")
            async with plugin_on(Bus(), tmp_path) as other:
                robbed._work()
                robbed._beat()
                assert heartbeat(tmp_path / "agent-1")["boot"] == other.journal.boot.hex()
            assert heartbeat(tmp_path / "agent-1")["stopped"] is True

    asyncio.run(run())


def test_notices_are_bounded(tmp_path: Path) -> None:
    async def run() -> None:
        async with plugin_on(Bus(), tmp_path) as plugin:
            for number in range(30):
                plugin.heartbeat.add_notice(f"{number} {'é' * 600}")
            plugin._beat()
            notices = heartbeat(tmp_path / "agent-1")["notices"]
            assert len(notices) == 20
            assert all(len(each) == 500 for each in notices)
            assert notices[-1].startswith("29 ")

    asyncio.run(run())
