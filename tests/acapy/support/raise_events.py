"""The plugin on a bus like the agent's, told by lines of standard input what to raise; answers each with a line.

`odd`: one event for each entry of ODD, in order. `many COUNT BYTES`: so many events, numbered on from those before.
`end`: a clean end. Started with PYTHONPATH holding the plugin's sources and its tests.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from rig import ALICE, CONNECTION, Bus, Event, Profile, plugin_on


class Refusing:
    def serialize(self) -> dict[str, Any]:
        raise RuntimeError("no")


def circle() -> dict[str, Any]:
    payload: dict[str, Any] = {}
    payload["again"] = payload
    return payload


def nested(levels: int) -> Any:
    payload: Any = 1
    for _ in range(levels):
        payload = [payload]
    return payload


def recorded(payload: Any) -> tuple[Profile, Event]:
    return ALICE, Event(CONNECTION, payload)


# In the order in which the test expects them.
ODD: list[tuple[Profile, Event]] = [
    recorded("a text"),
    recorded(7),
    recorded(None),
    recorded([1, {"a": None}]),
    recorded({"nul": "\0b"}),
    recorded({"half": "\ud800x", "\udc00": 1}),
    recorded({"nan": float("nan"), "infinite": float("-inf")}),
    recorded({"bytes": b"\xff", 1: {2}}),
    recorded({"digits": 10**400}),
    recorded({"text": "x" * 10_000_000}),
    recorded({"text": "x" * 17_000_000}),
    recorded(circle()),
    recorded(nested(10_000)),
    recorded(nested(400)),
    recorded({"object": object()}),
    recorded(Refusing()),
    (ALICE, Event("acapy::record::\n\x00::x", {"topic": "with control characters"})),
    (ALICE, Event("acapy::record::" + "y" * 10_000, {"topic": "of 10 KB"})),
    (Profile("ä/../\n", "\ud83d"), Event(CONNECTION, {"wallet": "odd"})),
    (Profile("w" * 1_000, "l" * 1_000), Event(CONNECTION, {"wallet": "long"})),
    recorded({"sound": True}),
]


async def main(journals: str, more: dict[str, Any]) -> None:
    bus = Bus()
    raised = 0
    loop = asyncio.get_running_loop()
    async with plugin_on(bus, Path(journals), more) as plugin:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command, *arguments = line.split()
            if command == "end":
                break
            if command == "odd":
                for profile, event in ODD:
                    await bus.notify(profile, event)
            else:
                count, size = (int(argument) for argument in arguments)
                for _ in range(count):
                    raised += 1
                    await bus.notify(ALICE, Event(CONNECTION, {"number": raised, "filler": "x" * size}))
            told = {"boot": plugin.journal.boot.hex(), "sequence": plugin.journal.sequence}
            print(json.dumps({**told, "dropped": plugin.journal.dropped}), flush=True)


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
