"""Which topics of the agent's bus are journaled.

Asked before anything is written down: what isn't wanted costs one look into a dictionary.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from .attributes import topic_fragment

# Stands for the list below in the option `events`.
DEFAULT = "default"

# What a stock agent sends as webhooks.
DEFAULT_EVENTS = (
    "acapy::record::*",
    "acapy::basicmessage::received",
    "acapy::problem_report",
    "acapy::ping::*",
    "acapy::actionmenu::*",
    "acapy::keylist::updated",
    "acapy::forward::received",
    "acapy::webhook::*",
    "acapy::revocation-notification*",
)

# Their payloads hold secrets (see withheld.py), so a pattern must begin like this to mean them; `*` doesn't.
GUARDED_PREFIXES = ("acapy::core::multitenant::wallet::created::", "acapy::outbound-message::")

# How topics of a stock agent begin beside these.
_OTHER_PREFIXES = (
    "acapy::core::",
    "acapy::SCHEMA::",
    "acapy::CRED_DEF::",
    "acapy::REVOCATION::",
    "acapy::ENDORSE_DID::",
    "acapy::ENDORSE_DID_ATTRIB::",
    "acapy::REGISTER_DID::",
    "acapy::cred-revoked",
    "anoncreds::",
)

# Topics may end in ids, so there can be any number of them.
_TOPICS_MAX = 4_096
_UNKNOWN = b""


class Selection(Protocol):
    """Says which topics are wanted."""

    def wants(self, topic: str) -> bool:
        """Asked once for each topic."""

    def regex(self) -> str:
        """What to subscribe to on a bus that can't be wrapped: it lets through at least what is wanted."""


class PatternSelection:
    """Patterns: a topic, or the beginning of topics and a star."""

    def __init__(self, patterns: Sequence[str]) -> None:
        listed: list[str] = []
        for pattern in patterns:
            listed.extend(DEFAULT_EVENTS if pattern == DEFAULT else (pattern,))
        self._exact = frozenset(each for each in listed if not each.endswith("*"))
        self._prefixes = tuple(each[:-1] for each in listed if each.endswith("*"))

    def wants(self, topic: str) -> bool:
        """A guarded topic is wanted only by a pattern that begins as it does."""
        if topic in self._exact:
            return True
        guard = next((each for each in GUARDED_PREFIXES if topic.startswith(each)), "")
        return any(topic.startswith(prefix) and prefix.startswith(guard) for prefix in self._prefixes)

    def regex(self) -> str:
        """All of them in one, so that an event is handed over once."""
        exact = [f"{re.escape(each)}$" for each in sorted(self._exact)]
        return "|".join([*exact, *(re.escape(each) for each in self._prefixes)]) or "(?!)"


def is_stock(pattern: str) -> bool:
    """Whether a stock agent has topics that may be meant; other plugins may have others."""
    stem = pattern.removesuffix("*")
    known = [each.removesuffix("*") for each in (*DEFAULT_EVENTS, *GUARDED_PREFIXES, *_OTHER_PREFIXES)]
    return any(stem.startswith(each) or (stem != pattern and each.startswith(stem)) for each in known)


class TopicFilter:
    """Remembers what was decided, with the piece of a record that all events of a topic share."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._fragments: dict[str, bytes | None] = {}

    def fragment(self, topic: str) -> bytes | None:
        """The beginning of the attributes of an event; None: it isn't wanted."""
        fragment = self._fragments.get(topic, _UNKNOWN)
        if fragment == _UNKNOWN:
            if len(self._fragments) >= _TOPICS_MAX:
                self._fragments.clear()
            fragment = topic_fragment(topic) if topic != "" and self._selection.wants(topic) else None
            self._fragments[topic] = fragment
        return fragment
