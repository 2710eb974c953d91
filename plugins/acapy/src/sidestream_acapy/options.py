"""The configuration of the plugin, read once."""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConfigurationError
from .faults import Faults, Section, did_you_mean, shown, written_size
from .journal import SMALL_FILES_BYTES
from .journal_format import ATTRIBUTES_BYTES_MAX, RECORD_BYTES_MAX, RECORD_HEADER_BYTES
from .old_configuration import OLD_PREFIXES, OLD_SECTIONS
from .spawn_options import Spawn, old_key, read_spawn
from .topics import DEFAULT, DEFAULT_EVENTS, GUARDED_PREFIXES, PatternSelection, Selection, is_stock

SECTION = "sidestream"
LEAST_CONFIGURATION = """sidestream: nothing is configured. The least that is needed, in the file of --plugin-config:

sidestream:
  journals: /var/lib/sidestream/journals   # a folder on a local disk that Sidestream's source acapy-journal names too
"""
# Where an old configuration, which names no folder, has its journals.
JOURNALS_OF_OLD = "~/.sidestream/journals"

QOS = ("at-most-once", "at-least-once", "exactly-once")
_FAIL_OPEN, _FAIL_CLOSED = "fail-open", "fail-closed"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_TOPIC_CHARS_MAX = 256
_RECORD_OVERHEAD_BYTES = RECORD_HEADER_BYTES + ATTRIBUTES_BYTES_MAX
# What a segment's header takes at most: see journal-format.md.
_HEADER_BYTES_MAX = 64 * 2**10
MIB, GIB = 2**20, 2**30


@dataclass(frozen=True, slots=True)
class Options:
    """What is configured, with defaults filled in."""

    journals: str
    agent: str
    qos: str
    selection: Selection
    bytes_max: int
    segment_bytes: int
    event_bytes_max: int
    fails_closed: bool
    hold_ms_max: int
    syncs: bool
    fsync_ms: int
    heartbeat_ms: int
    spawn: Spawn
    # What is right and may not be what was meant.
    warnings: tuple[str, ...]


def read_options(settings: Any) -> Options:
    """Reads the options out of the agent's settings. Raises ConfigurationError, which lists every fault."""
    configured = settings.get("plugin_config")
    configured = configured if isinstance(configured, Mapping) else {}
    values = configured.get(SECTION)
    faults = Faults()
    if values is not None and not isinstance(values, Mapping):
        faults.add(SECTION, f"expected keys with values, not {shown(values)}")
        faults.throw()
    section = Section(SECTION, values or {}, faults)
    old = old_key(configured, section, is_empty=not values)
    if not values and old is None:
        raise ConfigurationError(f"{_misnamed(configured)}{LEAST_CONFIGURATION}")
    options = _read(configured, section, old)
    section.tell_unknown()
    if faults:
        faults.throw()
    return options


def _misnamed(configured: Mapping[str, Any]) -> str:
    """What is said of sections that are called nearly like one that is read; else nothing."""
    told = ((str(key), _meant(str(key))) for key in configured)
    return "".join(
        f"{name}: this section is not read; call it {meant}\n" for name, meant in told if meant not in (None, name)
    )


def _meant(name: str) -> str | None:
    """The section that was probably meant. Old plugins' sections aren't called as the plugins were."""
    if SECTION in name.lower() or did_you_mean(name, [SECTION]):
        return SECTION
    if name in OLD_SECTIONS:
        return None
    return next((key for prefix, key in OLD_PREFIXES.items() if name.lower().startswith(prefix)), None)


def _read(configured: Mapping[str, Any], section: Section, old: str | None) -> Options:
    qos = section.choice("qos", QOS, "at-least-once")
    bytes_max, segment_bytes, event_bytes_max = _sizes(section)
    spawn, selection = read_spawn(configured, section, old, qos)
    patterns = _patterns(section)
    if selection is not None and section.has("events"):
        section.fault("events", f"expected none, since the topic maps of {old} say what is journaled")
    return Options(
        journals=_journals(section, old),
        agent=_agent(section),
        qos=qos,
        selection=selection or PatternSelection(patterns),
        bytes_max=bytes_max,
        segment_bytes=segment_bytes,
        event_bytes_max=event_bytes_max,
        fails_closed=_fails_closed(section, qos),
        hold_ms_max=section.whole("holdMsMax", 5_000, 0, 600_000),
        syncs=section.choice("fsync", ("none", "batch"), "none") == "batch",
        fsync_ms=section.whole("fsyncMs", 5, 0, 10_000),
        heartbeat_ms=section.whole("heartbeatMs", 5_000, 100, 3_600_000),
        spawn=spawn,
        warnings=(*spawn.warnings, *_doubts(patterns)),
    )


def _journals(section: Section, old: str | None) -> str:
    journals = section.text("journals")
    if journals is None and old is not None:
        journals = JOURNALS_OF_OLD
    if journals is None and not section.has("journals"):
        section.fault("journals", "expected the path of a folder", "the folder that Sidestream's source names")
    return os.path.abspath(os.path.expanduser(journals or "."))


def _agent(section: Section) -> str:
    agent = section.text("agent")
    if agent is None:
        return normalised_name(socket.gethostname())
    if _NAME.fullmatch(agent) is None:
        section.fault(
            "agent",
            f"expected 1 to 63 letters, digits, dots, dashes or underscores, the first a letter or digit, "
            f"not {shown(agent)}",
            f"such as {normalised_name(agent)}",
        )
    return agent


def normalised_name(name: str) -> str:
    """The nearest that a journal can be called."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:63] or "agent"


def _patterns(section: Section) -> list[str]:
    patterns = section.list_of_texts("events") or [DEFAULT]
    for pattern in patterns:
        # No topic of an agent is called so, and nothing would come of it.
        is_beginning = any(each.startswith(f"{pattern}::") for each in (*DEFAULT_EVENTS, *GUARDED_PREFIXES))
        if is_beginning or "*" in pattern[:-1] or len(pattern) > _TOPIC_CHARS_MAX:
            section.fault(
                "events",
                f"expected a topic, or the beginning of one and a star at the end, not {shown(pattern)}",
                f"did you mean {pattern}::*?" if is_beginning else "such as acapy::record::*",
            )
    return patterns


def _doubts(patterns: list[str]) -> list[str]:
    """A pattern that fits nothing is no fault, since it may be for topics of another plugin."""
    return [
        f"sidestream.events: a stock agent has no topic {shown(pattern)}; unless another plugin has, nothing comes "
        "of it. Topics are written as on the agent's bus, such as acapy::record::connections::*"
        for pattern in patterns
        if pattern != DEFAULT and not is_stock(pattern)
    ]


def _sizes(section: Section) -> tuple[int, int, int]:
    bytes_max = section.size("bytesMax", GIB, MIB, 1_024 * GIB)
    event_most = RECORD_BYTES_MAX - _RECORD_OVERHEAD_BYTES
    event_bytes_max = section.size("eventBytesMax", min(16 * MIB, bytes_max // 4), 1_024, event_most)
    segment_bytes = section.size("segmentBytes", min(8 * MIB, bytes_max // 8), 64 * 2**10, GIB)
    # With everything acknowledged the newest segment still stands, and the largest event must fit beside it.
    record = event_bytes_max + _RECORD_OVERHEAD_BYTES + _HEADER_BYTES_MAX
    least = max(segment_bytes, record) + record + SMALL_FILES_BYTES
    if bytes_max < least:
        section.fault(
            "bytesMax",
            f"expected at least {written_size(-(-least // 1_024) * 1_024)}, so that a segment and the largest event fit",
            "or lower segmentBytes and eventBytesMax",
        )
    return bytes_max, segment_bytes, event_bytes_max


def _fails_closed(section: Section, qos: str) -> bool:
    chosen = section.choice("whenJournalFull", (_FAIL_OPEN, _FAIL_CLOSED), _FAIL_OPEN)
    if chosen == _FAIL_CLOSED and qos == "at-most-once":
        section.fault("whenJournalFull", "expected fail-open, since qos at-most-once gives events up rather than wait")
    return chosen == _FAIL_CLOSED
