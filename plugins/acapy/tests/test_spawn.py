"""A Sidestream that the plugin starts: its configuration, its life and its end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journal_reader import heartbeat, read
from rig import ALICE, BASE, Bus, Event, connection, plugin_on, settings

from sidestream_acapy import ConfigurationError, supervisor
from sidestream_acapy.options import read_options

PROGRAM = [sys.executable, str(Path(__file__).parent / "program_for_sidestream.py")]
RUN: dict[str, Any] = {"destinations": {"files": {"type": "file", "path": "/e"}}, "streams": ["/streams/*.yaml"]}
SPAWN: dict[str, Any] = {"spawn": True, "command": PROGRAM, "run": RUN}


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the program wrote down; a program that is left over is ended."""
    file = tmp_path / "calls"
    file.touch()
    monkeypatch.setenv("CALLS", str(file))
    yield file
    for line in lines(file):
        if line[0] == "called":
            try:
                os.kill(line[1], signal.SIGKILL)
            except ProcessLookupError:
                continue


def lines(calls: Path) -> list[list[Any]]:
    return [json.loads(line) for line in calls.read_text().splitlines()]


async def until(calls: Path, word: str, count: int = 1) -> None:
    while [line[0] for line in lines(calls)].count(word) < count:
        await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        # A child that ended and that nobody asked about is gone as well.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_what_is_missing_is_filled_in_and_the_file_is_for_its_owner_alone(tmp_path: Path, calls: Path) -> None:
    journals = tmp_path / "journals"

    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, journals, SPAWN):
            await until(calls, "runs")
            await bus.notify(ALICE, connection())

    asyncio.run(run())
    path = journals / ".sidestream/sidestream.yaml"
    assert json.loads(path.read_text()) == {
        "version": 1,
        "enabled": True,
        "instance": "agent-1",
        "data": str(journals / ".sidestream/data"),
        "sources": {
            "agents": {"type": "acapy-journal", "journals": str(journals), "tenant": "base", "expect": ["agent-1"]}
        },
        **RUN,
    }
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    called = [line[2:] for line in lines(calls) if line[0] == "called"]
    assert called == [["validate", str(path)], ["run", "--config", str(path)]]
    assert len(read(journals / "agent-1").events) == 1


def test_what_is_written_inline_wins(tmp_path: Path, calls: Path) -> None:
    own = {
        "instance": "mine",
        "data": "/data",
        "sources": {"mine": {"type": "acapy-journal", "journals": "/j"}},
        "health": False,
    }

    async def run() -> None:
        async with plugin_on(Bus(), tmp_path / "j", {**SPAWN, "run": {**RUN, **own}}):
            pass

    asyncio.run(run())
    written = json.loads((tmp_path / "j/.sidestream/sidestream.yaml").read_text())
    assert written == {"version": 1, "enabled": True, **RUN, **own}
    assert calls.exists()


def test_the_agents_shutdown_ends_it(tmp_path: Path, calls: Path) -> None:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path / "j", SPAWN) as plugin:
            await until(calls, "runs")
            await bus.notify(BASE, Event("acapy::core::shutdown", {}))
            assert plugin.supervisor is not None
            await plugin.supervisor.ended()
            assert lines(calls)[-1] == ["asked to end"]

    asyncio.run(run())
    assert all(is_gone(line[1]) for line in lines(calls) if line[0] == "called")


def test_the_end_of_the_loop_ends_it_and_what_does_not_end_is_killed(
    tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_END_SECONDS_MAX", 0.2)
    monkeypatch.setenv("IGNORES_TERM", "1")

    async def run() -> None:
        async with plugin_on(Bus(), tmp_path / "j", SPAWN):
            await until(calls, "runs")

    asyncio.run(run())
    assert lines(calls)[-1] == ["asked to end"]
    assert all(is_gone(line[1]) for line in lines(calls) if line[0] == "called")


def test_one_that_ends_is_started_again_and_the_operator_told_meanwhile(
    tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_PAUSE_SECONDS_MIN", 0.05)
    monkeypatch.setenv("ENDS_AT_ONCE", "2")
    told: list[str] = []

    async def run() -> None:
        async with plugin_on(Bus(), tmp_path / "j", SPAWN) as plugin:
            add = plugin.heartbeat.add_notice
            monkeypatch.setattr(plugin.heartbeat, "add_notice", lambda text: (told.append(text), add(text)))
            await until(calls, "runs")
            plugin._beat()
            assert heartbeat(tmp_path / "j/agent-1")["notices"] == []

    asyncio.run(run())
    assert len([line for line in lines(calls) if "run" in line]) == 3
    assert len(told) == 2 and all(each.startswith("Sidestream ended with 1; it is started again") for each in told)


def test_it_does_not_outlive_an_agent_that_was_killed(tmp_path: Path, calls: Path) -> None:
    script = """
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
from rig import Bus, plugin_on
async def run():
    async with plugin_on(Bus(), sys.argv[2], json.loads(sys.argv[3])):
        await asyncio.sleep(600)
asyncio.run(run())
"""
    here = str(Path(__file__).parent)
    agent = subprocess.Popen([sys.executable, "-c", script, here, str(tmp_path / "j"), json.dumps(SPAWN)])
    asyncio.run(until(calls, "runs"))
    agent.kill()
    agent.wait()
    asyncio.run(until(calls, "asked to end"))


def test_a_configuration_that_sidestream_refuses_stops_the_agent_with_its_words(
    tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATUS_OF_VALIDATE", "78")

    async def run() -> None:
        bus = Bus()
        before = bus.notify
        with pytest.raises(ConfigurationError, match="refuses its configuration(.|\n)*the file says: no"):
            async with plugin_on(bus, tmp_path / "j", SPAWN):
                pass
        assert bus.notify == before
        monkeypatch.setenv("STATUS_OF_VALIDATE", "3")
        with pytest.raises(ConfigurationError, match="validate ended with 3; is it Sidestream"):
            async with plugin_on(bus, tmp_path / "j", SPAWN):
                pass

    asyncio.run(run())
    assert len(lines(calls)) == 2


def faults(more: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as told:
        read_options(settings("/j", more))
    return str(told.value)


def test_without_the_program_the_command_that_installs_it_is_told() -> None:
    text = faults({"spawn": True, "command": "no-such-sidestream", "run": RUN})
    assert "sidestream.command: expected a program that is there; no-such-sidestream is not on PATH" in text
    assert "npm install --global . in a clone of Sidestream" in text


def test_a_command_may_be_a_text_with_arguments() -> None:
    read_command = read_options(settings("/j", {**SPAWN, "command": f"'{sys.executable}' -u x.py"})).spawn.command
    assert read_command == (sys.executable, "-u", "x.py")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"run": RUN}, "sidestream.run: expected spawn: true beside it"),
        ({"spawn": True, "command": PROGRAM}, "sidestream.run.destinations: expected destinations, such as"),
        (
            {**SPAWN, "run": {**RUN, "streams": []}},
            "sidestream.run.streams: expected files of message stream descriptors",
        ),
        (
            {**SPAWN, "run": {**RUN, "streams": ["./a.yaml"]}},
            "sidestream.run.streams: expected a path from the root on",
        ),
        ({**SPAWN, "run": {**RUN, "data": "data"}}, "sidestream.run.data: expected a path from the root on"),
        ({**SPAWN, "run": "x"}, "sidestream.run: expected keys with values, not str"),
        ({**SPAWN, "command": 7}, "sidestream.command: expected a program with its arguments, not 7"),
        ({"spawn": "perhaps"}, "sidestream.spawn: expected true or false, not 'perhaps'"),
        ({"match": "first"}, "sidestream.match: expected a section kafka or redis_queue beside it"),
        ({"mapsTo": "kafka1"}, "sidestream.mapsTo: expected a section kafka or redis_queue with match beside it"),
    ],
)
def test_faults_of_what_is_to_be_started_are_told(more: dict[str, Any], told: str) -> None:
    assert told in faults(more)


def test_streams_that_come_with_sidestream_are_named_by_their_names(tmp_path: Path) -> None:
    run = {**RUN, "streams": ["sidestream:acapy-events", "${env:STREAMS}"]}
    assert read_options(settings(tmp_path, {**SPAWN, "run": run})).spawn.run["streams"] == run["streams"]
