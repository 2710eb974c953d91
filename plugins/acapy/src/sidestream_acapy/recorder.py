"""Turns an event of the agent's bus into the attributes and the payload of a record."""

from time import time_ns
from typing import Any

from .attributes import TenantFragments, record_fragment
from .intake import Intake, Pending
from .payload import to_json
from .topics import TopicFilter
from .withheld import holds_settings, withheld, without_settings

REASON_TOO_LARGE = "too-large"
REASON_UNSERIALISABLE = "unserialisable"


class Recorder:
    """Takes events, in the order of the calls."""

    def __init__(self, topics: TopicFilter, intake: Intake, event_bytes_max: int) -> None:
        self._topics = topics
        self._intake = intake
        self._event_bytes_max = event_bytes_max
        self._tenants = TenantFragments()

    def take(self, profile: Any, event: Any) -> Pending | None:
        """Journals an event, if it is wanted.

        Returns None when that is done, or what the caller must await. Raises JournalFull.
        """
        topic = event.topic
        fragment = self._topics.fragment(topic)
        if fragment is None:
            return None
        now_ns = time_ns()
        try:
            payload = withheld(topic, event.payload)
            content = to_json(payload)
            if holds_settings(content):
                content = without_settings(content)
            attributes = fragment + self._tenants.of(profile, now_ns) + record_fragment(payload)
        except Exception as error:
            # What an agent's objects do when they are asked is not in our hands.
            self._intake.lose(now_ns, REASON_UNSERIALISABLE, topic, error)
            return None
        if len(content) > self._event_bytes_max:
            self._intake.lose(now_ns, REASON_TOO_LARGE, topic, None)
            return None
        return self._intake.put(now_ns, attributes, content)
