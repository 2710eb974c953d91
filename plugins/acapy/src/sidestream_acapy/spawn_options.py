"""What is configured of a Sidestream that the plugin starts, and of old configurations that it takes over."""

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .faults import Section, did_you_mean, shown
from .old_configuration import KAFKA_DESTINATION, OldConfiguration, old_sections, read_old
from .topic_maps import MapSelection, streams

INSTALL = (
    "npm install --global . in a clone of Sidestream puts it there; or name the file, such as "
    "/opt/sidestream/bin/sidestream"
)
# An old configuration starts a Sidestream unasked.
_UNASKED = "; where Sidestream runs already, add sidestream: {match: first, spawn: false, mapsTo: ITS-DESTINATION}"
_COMMAND = "sidestream"
# Paths in it would be relative to a file that nobody wrote.
_PATHS = ("data", "assignments")
_PATH_LISTS = ("streams", "policies")
# Names of what comes with Sidestream, and values from elsewhere, are no paths.
_SHIPPED = "sidestream:"
_NO_PATHS = (_SHIPPED, "${")


@dataclass(frozen=True, slots=True)
class Spawn:
    """A Sidestream that is started with the agent, and what is generated for one."""

    # Empty: none is started.
    command: tuple[str, ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)
    # Message stream descriptors.
    streams: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


def old_key(configured: Mapping[str, Any], section: Section, is_empty: bool) -> str | None:
    """Which old section is taken over: without a section of our own one that is there, else one that `match` asks for."""
    keys = old_sections(configured)
    asked = section.has("match")
    if asked and not keys:
        section.fault("match", "expected a section kafka or redis_queue beside it, whose topic maps it is for")
    if not keys or not (asked or is_empty):
        return None
    if len(keys) > 1:
        section.faults.add(", ".join(keys), "expected one old configuration, not several", "remove the others")
    return keys[0]


def read_spawn(
    configured: Mapping[str, Any], section: Section, old_section: str | None, qos: str
) -> tuple[Spawn, MapSelection | None]:
    """Reads what is started, and the maps of an old configuration."""
    match = section.choice("match", ("first", "all"), "first")
    old = read_old(configured, old_section, section.faults) if old_section is not None else None
    is_kafka = old is not None and old.destination is not None
    asked = section.flag("spawn")
    spawns = is_kafka if asked is None else asked
    run = dict(section.mapping("run") or {})
    destination = _destination(section, old, run)
    generated = (
        streams(old.maps, name=old.name, destination=destination, delivery=qos, is_first_only=match == "first")
        if old is not None and destination is not None
        else []
    )
    command = _command(section, spawns, INSTALL if asked else f"{INSTALL}{_UNASKED}")
    if not spawns and section.has("run"):
        section.fault("run", "expected spawn: true beside it, since Sidestream isn't started otherwise")
    if spawns:
        _check_run(section, run, has_streams=old is not None)
    warnings = tuple(old.warnings) if old is not None else _left_alone(configured)
    selection = MapSelection(old.maps) if old is not None else None
    return Spawn(command, run, tuple(generated), warnings), selection


def _left_alone(configured: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"the section {key} is left to the plugin that it is for; sidestream.match: first would take it over"
        for key in old_sections(configured)
    )


def _destination(section: Section, old: OldConfiguration | None, run: dict[str, Any]) -> str | None:
    """Where the maps lead to; what an old section says of it goes into the configuration."""
    chosen = section.text("mapsTo")
    if old is None:
        if chosen is not None:
            section.fault(
                "mapsTo", "expected a section kafka or redis_queue with match beside it, whose maps it is for"
            )
        return None
    if old.limits:
        run["limits"] = {**old.limits, **_mapping(run.get("limits"))}
    destinations = _mapping(run.get("destinations"))
    if old.destination is not None and chosen is None:
        # What is written inline wins.
        run["destinations"] = {KAFKA_DESTINATION: old.destination, **destinations}
        return KAFKA_DESTINATION
    if chosen is not None:
        return chosen
    if len(destinations) == 1:
        return str(next(iter(destinations)))
    section.fault(
        "run.destinations",
        f"expected a destination in place of the one of {old.section}",
        "add to your configuration, sidestream: {match: first, spawn: true, run: {destinations: {kafka1: "
        '{type: kafka, brokers: ["k1:9092"], createTopics: true}}}}; where Sidestream runs already, name its '
        "destination as sidestream.mapsTo",
    )
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _command(section: Section, spawns: bool, install: str) -> tuple[str, ...]:
    given = section.get("command")
    try:
        words = shlex.split(given) if isinstance(given, str) else given
    except ValueError:
        words = ""
    if words is None:
        words = [_COMMAND]
    if not isinstance(words, Sequence) or not words or not all(isinstance(each, str) and each for each in words):
        section.fault("command", f"expected a program with its arguments, not {shown(given)}")
        return ()
    if not spawns:
        return ()
    program = shutil.which(words[0])
    if program is None:
        section.fault("command", f"expected a program that is there; {words[0]} is not on PATH", install)
        return ()
    return (program, *words[1:])


def _check_run(section: Section, run: Mapping[str, Any], *, has_streams: bool) -> None:
    """What Sidestream can't know; all else it says itself."""
    if not _mapping(run.get("destinations")):
        section.fault(
            "run.destinations",
            'expected destinations, such as kafka1: {type: kafka, brokers: ["k1:9092"], createTopics: true}',
        )
    if not run.get("streams") and not has_streams:
        near = did_you_mean("streams", list(run))
        section.fault(
            "run.streams",
            "expected files of message stream descriptors; without one nothing is delivered",
            near or f'such as ["{_SHIPPED}acapy-events"], which sends all to kafka1',
        )
    for key in _PATHS:
        _check_path(section, key, run.get(key))
    for key in _PATH_LISTS:
        listed = run.get(key)
        for path in listed if isinstance(listed, (list, tuple)) else []:
            _check_path(section, key, path)


def _check_path(section: Section, key: str, path: Any) -> None:
    if isinstance(path, str) and not os.path.isabs(path) and not path.startswith(_NO_PATHS):
        section.fault(
            f"run.{key}", f"expected a path from the root on, not {shown(path)}", "the agent has no folder for it"
        )
