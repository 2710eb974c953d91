"""The socket: wakes a reader that asks for it, hears that segments may go, and never stands in the way."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from journal_reader import acknowledge, heartbeat, read, segments_of
from rig import ALICE, Bus, connection, plugin_on

from sidestream_acapy.plugin import Plugin


class Reader:
    """Sidestream's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer


@asynccontextmanager
async def listening(journals: Path) -> AsyncIterator["asyncio.Queue[Reader]"]:
    connections: asyncio.Queue[Reader] = asyncio.Queue()
    opened: list[Reader] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(Reader(reader, writer))
        await connections.put(opened[-1])

    server = await asyncio.start_unix_server(accept, str(journals / "wake"))
    try:
        yield connections
    finally:
        server.close()
        for each in opened:
            each.writer.close()


async def asked(plugin: Plugin) -> None:
    """Until the reader's wish has come."""
    while not plugin.wake._is_asked:
        await asyncio.sleep(0)


def test_a_writer_says_who_it_is_and_wakes_once_for_each_time_it_is_asked(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening(tmp_path) as connections, plugin_on(bus := Bus(), tmp_path) as plugin:
            reader = await connections.get()
            assert await reader.reader.readline() == b"agent-1\n"
            reader.writer.write(b"w")
            await asked(plugin)
            await bus.notify(ALICE, connection(1))
            await bus.notify(ALICE, connection(2))
            assert await reader.reader.readexactly(1) == b"w"
            # Something was appended since, so the next wish is granted at once.
            reader.writer.write(b"?w")
            assert await reader.reader.readexactly(1) == b"w"
            reader.writer.write(b"w")
            await asked(plugin)
            await bus.notify(ALICE, connection(3))
            assert await reader.reader.readexactly(1) == b"w"

    asyncio.run(run())


def test_segments_are_removed_when_the_reader_says_that_it_is_done(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening(tmp_path) as connections:
            async with plugin_on(bus := Bus(), tmp_path, {"segmentBytes": "64KiB"}):
                reader = await connections.get()
                for number in range(10):
                    await bus.notify(ALICE, connection(number, 30_000))
                folder = tmp_path / "agent-1"
                assert len(segments_of(folder)) > 2
                acknowledge(folder, read(folder).records[-1])
                reader.writer.write(b"a")
                while len(segments_of(folder)) > 1:
                    await asyncio.sleep(0)

    asyncio.run(run())


def test_a_reader_that_went_away_is_connected_to_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with plugin_on(bus := Bus(), tmp_path, {"heartbeatMs": 100}):
            await bus.notify(ALICE, connection(1))
            async with listening(tmp_path) as connections:
                first = await connections.get()
                first.writer.close()
                second = await connections.get()
                assert await second.reader.readline() == b"agent-1\n"
            await bus.notify(ALICE, connection(2))

    asyncio.run(run())
    assert len(read(tmp_path / "agent-1").events) == 2


def test_a_reader_that_hangs_holds_nobody(tmp_path: Path) -> None:
    async def run() -> None:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(tmp_path / "wake"))
        # It accepts nobody.
        server.listen(0)
        async with plugin_on(bus := Bus(), tmp_path, {"heartbeatMs": 100}):
            for number in range(100):
                await bus.notify(ALICE, connection(number))
        server.close()

    asyncio.run(run())
    assert len(read(tmp_path / "agent-1").events) == 100


def test_a_path_that_is_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    journals = tmp_path / ("long" * 30)

    async def run() -> None:
        async with plugin_on(bus := Bus(), journals):
            await bus.notify(ALICE, connection(1))

    asyncio.run(run())
    assert "107 bytes" in heartbeat(journals / "agent-1")["notices"][0]
    assert len(read(journals / "agent-1").events) == 1
