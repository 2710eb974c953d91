"""What the tests stand on: a bus with the real one's behaviour, profiles, events, and a plugin on top of them."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sidestream_acapy.options import read_options
from sidestream_acapy.plugin import Plugin

Handler = Callable[[Any, Any], Awaitable[None]]


class Event:
    """An event as the agent makes it."""

    def __init__(self, topic: str, payload: Any = None) -> None:
        self.topic = topic
        self.payload = payload


class Profile:
    """A tenant's profile, as far as events go."""

    def __init__(self, wallet: str | None = None, label: str | None = None) -> None:
        self.settings = {"wallet.id": wallet, "default_label": label}


class Bus:
    """As acapy-agent from 1.4 on: `notify` begins a task for each subscriber and returns."""

    def __init__(self) -> None:
        self.subscribers: dict[re.Pattern[str], list[Handler]] = {}
        self.notified: list[str] = []
        self.tasks: list[asyncio.Task[Any]] = []

    def subscribe(self, pattern: re.Pattern[str], handler: Handler) -> None:
        self.subscribers.setdefault(pattern, []).append(handler)

    async def notify(self, profile: Any, event: Any) -> None:
        self.notified.append(event.topic)
        for pattern, handlers in self.subscribers.items():
            for handler in handlers:
                if pattern.match(event.topic):
                    self.tasks.append(asyncio.ensure_future(handler(profile, event)))


class AwaitingBus(Bus):
    """As before 1.4: `notify` awaits each subscriber; what one raises is logged and forgotten."""

    async def notify(self, profile: Any, event: Any) -> None:
        self.notified.append(event.topic)
        for pattern, handlers in self.subscribers.items():
            for handler in handlers:
                if pattern.match(event.topic):
                    try:
                        await handler(profile, event)
                    except Exception:
                        continue


class SlottedBus:
    """One whose `notify` can't be replaced."""

    __slots__ = ("inner",)

    def __init__(self) -> None:
        self.inner = AwaitingBus()

    def subscribe(self, pattern: re.Pattern[str], handler: Handler) -> None:
        self.inner.subscribe(pattern, handler)

    async def notify(self, profile: Any, event: Any) -> None:
        await self.inner.notify(profile, event)


def settings(journals: Path | str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The agent's settings with the plugin configured."""
    section = {"journals": str(journals), "agent": "agent-1", **(more or {})}
    return {"plugin_config": {"sidestream": section}}


@asynccontextmanager
async def plugin_on(bus: Any, journals: Path | str, more: Mapping[str, Any] | None = None) -> AsyncIterator[Plugin]:
    """A plugin that is closed at the end."""
    plugin = Plugin(read_options(settings(journals, more)), bus)
    await plugin.start()
    try:
        yield plugin
    finally:
        plugin.close()


ALICE = Profile("alice-wallet", "Alice")
BASE = Profile()
CONNECTION = "acapy::record::connections::active"


def connection(number: int = 1, filler: int = 0) -> Event:
    """An event of the default list."""
    return Event(CONNECTION, {"state": "active", "connection_id": f"c{number}", "filler": "x" * filler})
