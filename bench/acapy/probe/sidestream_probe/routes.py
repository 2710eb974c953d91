"""One route of the admin API: POST /probe."""

import asyncio
import time

from acapy_agent.core.event_bus import Event, EventBus
from aiohttp import web

TOPIC = "acapy::record::connections::active"
# A record of a connection takes about so much.
PAYLOAD_BYTES = 600
# An agent handles other things in between.
EVENTS_A_TURN = 20


async def probe(request: web.BaseRequest) -> web.StreamResponse:
    """Raises `count` events and answers with the seconds it took and the microseconds of each."""
    count = int((await request.json())["count"])
    profile = request["context"].profile
    bus = profile.inject(EventBus)
    payload = {"connection_id": "54527a37-b580-4857-99f8-023e73ce7eb7", "state": "active", "number": 0}
    payload["their_label"] = "x" * (PAYLOAD_BYTES - 100)
    took: list[int] = []
    began = time.perf_counter_ns()
    for number in range(count):
        event = Event(TOPIC, {**payload, "number": number})
        before = time.perf_counter_ns()
        await bus.notify(profile, event)
        took.append(time.perf_counter_ns() - before)
        if number % EVENTS_A_TURN == EVENTS_A_TURN - 1:
            await asyncio.sleep(0)
    seconds = (time.perf_counter_ns() - began) / 1e9
    return web.json_response({"seconds": seconds, "microseconds": [each / 1e3 for each in took]})


async def register(app: web.Application) -> None:
    """Called by the agent."""
    app.add_routes([web.post("/probe", probe)])
