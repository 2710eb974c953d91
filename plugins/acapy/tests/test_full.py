"""A journal without room: who waits, who is given up, and that nobody is passed by."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from journal_reader import acknowledge, heartbeat, read
from rig import ALICE, Bus, connection, plugin_on

from sidestream_acapy import JournalFull
from sidestream_acapy.plugin import Plugin

SMALL: dict[str, Any] = {"bytesMax": "1MiB", "segmentBytes": "64KiB", "eventBytesMax": "64KiB"}
FILLER = 40_000
FOREVER = {"holdMsMax": 600_000}


async def fill(bus: Bus, plugin: Plugin) -> int:
    """Fills the journal to where the next event of that size has no room."""
    count = 0
    while plugin.journal._taken() + FILLER + 1_000 <= plugin.journal._budget:
        count += 1
        await bus.notify(ALICE, connection(count, FILLER))
    return count


def acknowledge_all(folder: Path) -> None:
    acknowledge(folder / "agent-1", read(folder / "agent-1").records[-1])


def numbers(folder: Path) -> list[str]:
    return [record.content["connection_id"] for record in read(folder / "agent-1").events]


def test_a_caller_waits_until_the_reader_makes_room(tmp_path: Path) -> None:
    async def run() -> int:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, **FOREVER}) as plugin:
            count = await fill(bus, plugin)
            held = asyncio.ensure_future(bus.notify(ALICE, connection(count + 1, FILLER)))
            await asyncio.sleep(0)
            assert len(bus.notified) == count, "the bus hears of an event after the journal"
            acknowledge_all(tmp_path)
            await held
            assert len(bus.notified) == count + 1
            return count

    count = asyncio.run(run())
    found = read(tmp_path / "agent-1")
    assert found.gaps == []
    assert found.events[-1].content["connection_id"] == f"c{count + 1}"


def test_those_that_come_later_queue_behind_the_first_that_waits(tmp_path: Path) -> None:
    async def run() -> list[str]:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, **FOREVER}) as plugin:
            count = await fill(bus, plugin)
            # The small ones would fit.
            sizes = [FILLER, 10, 10, FILLER, 10]
            held = [
                asyncio.ensure_future(bus.notify(ALICE, connection(count + 1 + place, size)))
                for place, size in enumerate(sizes)
            ]
            await asyncio.sleep(0)
            bad = connection(0)
            bad.payload = {"a": object()}
            await bus.notify(ALICE, bad)
            acknowledge_all(tmp_path)
            await asyncio.gather(*held)
            return [f"c{count + 1 + place}" for place in range(len(sizes))]

    expected = asyncio.run(run())
    assert numbers(tmp_path)[-5:] == expected
    records = read(tmp_path / "agent-1").records
    assert records[-1].attributes["reason"] == "unserialisable"


def test_fail_open_gives_up_after_the_hold_and_a_gap_tells(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, "holdMsMax": 20}) as plugin:
            count = await fill(bus, plugin)
            for _ in range(3):
                await bus.notify(ALICE, connection(0, FILLER))
            assert len(bus.notified) == count + 3, "the agent goes on"
            assert plugin.journal.dropped == {"full": 3}
            acknowledge_all(tmp_path)
            plugin.journal.remove_acknowledged()
            await bus.notify(ALICE, connection(7))

    asyncio.run(run())
    found = read(tmp_path / "agent-1")
    assert sum(last - first + 1 for first, last, _ in found.gaps) == 3
    assert {reason for _, _, reason in found.gaps} == {"full"}
    assert found.events[-1].content["connection_id"] == "c7"
    assert heartbeat(tmp_path / "agent-1")["dropped"] == {"full": 3}


def test_once_somebody_waited_in_vain_others_are_not_held(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, "holdMsMax": 20}) as plugin:
            await fill(bus, plugin)
            await bus.notify(ALICE, connection(0, FILLER))
            assert plugin.recorder.take(ALICE, connection(0, FILLER)) is None
            acknowledge_all(tmp_path)
            plugin.journal.remove_acknowledged()
            await bus.notify(ALICE, connection(7, FILLER))
            await fill(bus, plugin)
            # There was room meanwhile, so this one is held again.
            pending = plugin.recorder.take(ALICE, connection(0, FILLER))
            assert pending is not None
            await pending

    asyncio.run(run())


def test_fail_closed_raises_in_the_caller_and_a_gap_stands_for_the_event(tmp_path: Path) -> None:
    more = {**SMALL, "holdMsMax": 20, "whenJournalFull": "fail-closed"}

    async def run() -> int:
        bus = Bus()
        async with plugin_on(bus, tmp_path, more) as plugin:
            count = await fill(bus, plugin)
            for _ in range(2):
                with pytest.raises(JournalFull, match="the journal .*agent-1 has no room in its disk budget"):
                    await bus.notify(ALICE, connection(0, FILLER))
            assert len(bus.notified) == count, "what could not be journaled does not go on"
            return count

    count = asyncio.run(run())
    gaps = read(tmp_path / "agent-1").gaps
    assert (gaps[0][0], gaps[-1][1]) == (count + 1, count + 2)


def test_fail_closed_does_not_fail_the_agent_over_an_event_that_can_never_be_journaled(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, "whenJournalFull": "fail-closed"}):
            for payload in ({"a": object()}, {"a": "x" * 70_000}):
                event = connection()
                event.payload = payload
                await bus.notify(ALICE, event)

    asyncio.run(run())
    assert read(tmp_path / "agent-1").gaps == [(1, 1, "unserialisable"), (2, 2, "too-large")]


def test_at_most_once_gives_up_without_waiting(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, **FOREVER, "qos": "at-most-once"}) as plugin:
            await fill(bus, plugin)
            assert plugin.recorder.take(ALICE, connection(0, FILLER)) is None
            assert plugin.journal.dropped == {"full": 1}

    asyncio.run(run())


def test_at_a_stop_those_who_wait_are_let_go_and_the_gap_is_written(tmp_path: Path) -> None:
    async def run() -> int:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, **FOREVER}) as plugin:
            count = await fill(bus, plugin)
            held = [asyncio.ensure_future(bus.notify(ALICE, connection(0, FILLER))) for _ in range(3)]
            await asyncio.sleep(0)
            plugin.stop()
            await asyncio.gather(*held)
            return count

    count = asyncio.run(run())
    gaps = read(tmp_path / "agent-1").gaps
    assert (gaps[0][0], gaps[-1][1]) == (count + 1, count + 3)
    assert heartbeat(tmp_path / "agent-1")["stopped"] is True


def test_a_caller_that_is_cancelled_leaves_its_event_in_its_place(tmp_path: Path) -> None:
    async def run() -> int:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, **FOREVER}) as plugin:
            count = await fill(bus, plugin)
            first = asyncio.ensure_future(bus.notify(ALICE, connection(count + 1, FILLER)))
            second = asyncio.ensure_future(bus.notify(ALICE, connection(count + 2, FILLER)))
            await asyncio.sleep(0)
            first.cancel()
            acknowledge_all(tmp_path)
            await second
            assert first.cancelled()
            return count

    count = asyncio.run(run())
    assert numbers(tmp_path)[-2:] == [f"c{count + 1}", f"c{count + 2}"]


@pytest.mark.parametrize("limit", ["_WAITING_MAX", "_WAITING_BYTES_MAX"])
def test_the_line_is_bounded_and_what_comes_beyond_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(f"sidestream_acapy.intake.{limit}", 2 if limit == "_WAITING_MAX" else 2 * FILLER + 2_000)

    async def run() -> int:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, **FOREVER}) as plugin:
            count = await fill(bus, plugin)
            held = [asyncio.ensure_future(bus.notify(ALICE, connection(count + 1 + n, FILLER))) for n in range(5)]
            await asyncio.sleep(0)
            await asyncio.gather(*held[2:])
            acknowledge_all(tmp_path)
            await asyncio.gather(*held[:2])
            return count

    count = asyncio.run(run())
    assert read(tmp_path / "agent-1").gaps == [(count + 3, count + 5, "full")]


def test_an_event_that_is_too_large_or_no_json_is_a_gap_and_the_agent_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, SMALL):
            for _ in range(50):
                event = connection()
                event.payload = {"a": object()}
                await bus.notify(ALICE, event)
            await bus.notify(ALICE, connection(1, 70_000))
            await bus.notify(ALICE, connection(2))
            assert len(bus.notified) == 52

    asyncio.run(run())
    found = read(tmp_path / "agent-1")
    assert sum(last - first + 1 for first, last, _ in found.gaps) == 51
    assert found.gaps[-1] == (51, 51, "too-large")
    assert [record.sequence for record in found.events] == [52]
    assert len([each for each in caplog.records if "unserialisable" in each.getMessage()]) == 1, "the log is bounded"


def test_a_gap_is_written_by_the_regular_work_once_there_is_room(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, "qos": "at-most-once"}) as plugin:
            await fill(bus, plugin)
            while plugin.journal.write_gaps() is None:
                await bus.notify(ALICE, connection(0, 500))
            acknowledge_all(tmp_path)
            plugin._work()
            assert read(tmp_path / "agent-1").gaps != []

    asyncio.run(run())


def test_what_the_agent_asks_of_its_objects_may_fail_in_any_way(tmp_path: Path) -> None:
    class Odd:
        topic = "acapy::record::connections::active"

        @property
        def payload(self) -> Any:
            raise RuntimeError("odd")

    class NoSettings:
        @property
        def settings(self) -> Any:
            raise AttributeError("closed")

    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path):
            await bus.notify(ALICE, Odd())
            await bus.notify(NoSettings(), connection())
            await bus.notify(ALICE, connection())
            assert len(bus.notified) == 3

    asyncio.run(run())
    assert len(read(tmp_path / "agent-1").events) == 1
    assert read(tmp_path / "agent-1").gaps[-1][1] == 2


def test_an_error_of_which_nobody_thought_is_a_gap_and_holds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**SMALL, **FOREVER, "whenJournalFull": "fail-closed"}) as plugin:
            append = plugin.journal.append

            def fail(_time_ns: int, _attributes: bytes, _payload: bytes) -> str | None:
                raise MemoryError

            monkeypatch.setattr(plugin.journal, "append", fail)
            await bus.notify(ALICE, connection(1))
            monkeypatch.setattr(plugin.journal, "append", append)
            count = await fill(bus, plugin)
            held = asyncio.ensure_future(bus.notify(ALICE, connection(0, FILLER)))
            await asyncio.sleep(0)
            monkeypatch.setattr(plugin.journal, "append", fail)
            await asyncio.gather(held, return_exceptions=True)
            assert plugin.journal.dropped == {"failed": 2}
            assert plugin.journal.sequence == count + 2

    asyncio.run(run())
    assert read(tmp_path / "agent-1").gaps[0] == (1, 1, "failed")
