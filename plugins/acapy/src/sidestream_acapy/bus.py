"""The agent's event bus: takes its place before the subscribers where that can be done, else among them.

`notify` of the bus is awaited by whoever causes an event, so events are met there in their order, before anybody else,
and a caller can be held. It is no published interface: what is not as expected is subscribed to instead.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

from .bounded_log import BoundedLog
from .errors import ConfigurationError, JournalFull
from .intake import Pending

SHUTDOWN_TOPIC = "acapy::core::shutdown"
_MARK = "_sidestream_acapy"

Take = Callable[[Any, Any], Pending | None]


def claim(bus: Any) -> None:
    """Raises ConfigurationError when this plugin has the bus already."""
    if getattr(bus, _MARK, False) is True:
        raise ConfigurationError("sidestream: the plugin was set up twice; name it once, as --plugin sidestream_acapy")
    try:
        setattr(bus, _MARK, True)
    except AttributeError:
        # A bus that takes no attributes can't be wrapped either; the journal's lock tells a second one.
        return


def release(bus: Any) -> None:
    """Has the bus forget that it is claimed."""
    if getattr(bus, _MARK, False) is True:
        delattr(bus, _MARK)


def wrap(bus: Any, take: Take, on_shutdown: Callable[[], None], log: BoundedLog) -> str | None:
    """Puts a wrapper in the place of `notify`. Returns why that can't be done, or None."""
    original = getattr(bus, "notify", None)
    problem = _problem(original)
    if problem is not None:
        return problem

    async def notify(profile: Any, event: Any) -> Any:
        try:
            pending = take(profile, event)
        except JournalFull:
            raise
        except Exception as error:
            _failed(log, error)
            pending = None
        if pending is not None:
            await pending
        result = await original(profile, event)  # type: ignore[misc]
        if getattr(event, "topic", None) == SHUTDOWN_TOPIC:
            on_shutdown()
        return result

    try:
        bus.notify = notify
    except AttributeError as error:
        return f"its notify can't be replaced ({error})"
    return None if bus.notify is notify else "its notify can't be replaced"


def subscribe(bus: Any, regex: str, take: Take, on_shutdown: Callable[[], None], log: BoundedLog) -> None:
    """Subscribes once to all that may be wanted. The handlers never await: they share the bus with all others."""

    async def handle(profile: Any, event: Any) -> None:
        try:
            take(profile, event)
        except Exception as error:
            _failed(log, error)

    async def handle_shutdown(_profile: Any, _event: Any) -> None:
        on_shutdown()

    bus.subscribe(re.compile(regex), handle)
    bus.subscribe(re.compile(f"^{SHUTDOWN_TOPIC}$"), handle_shutdown)


def _problem(notify: Any) -> str | None:
    if notify is None or not inspect.iscoroutinefunction(notify):
        return "its notify is no coroutine function"
    try:
        parameters = list(inspect.signature(notify).parameters)
    except (TypeError, ValueError):
        return "its notify has no signature"
    if parameters != ["profile", "event"]:
        return f"its notify takes ({', '.join(parameters)}), not (profile, event)"
    return None


def _failed(log: BoundedLog, error: Exception) -> None:
    log.warn("failed", "an event could not be journaled", error)
