"""The files of a Sidestream that the plugin starts: its configuration, and streams that follow from an old one."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from .journal_folder import FOLDER_MODE
from .segment import FILE_MODE

_FOLDER = ".sidestream"
_FILE = "sidestream.yaml"
_STREAMS = "streams"
_SOURCE = "agents"
_SOURCE_TYPE = "acapy-journal"


def configuration(
    *, journals: str, agent: str, run: Mapping[str, Any], streams: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The configuration that is written inline, with what is missing filled in."""
    sources = dict(run.get("sources") or {})
    if not any(isinstance(each, Mapping) and each.get("type") == _SOURCE_TYPE for each in sources.values()):
        sources[_SOURCE] = {"type": _SOURCE_TYPE, "journals": journals, "tenant": "base", "expect": [agent]}
    whole = {
        "version": 1,
        "enabled": True,
        "instance": agent,
        "data": os.path.join(journals, _FOLDER, "data"),
        **run,
        "sources": sources,
    }
    if streams:
        generated = [f"./{_STREAMS}/{stream['stream']}.yaml" for stream in streams]
        whole["streams"] = [*generated, *(run.get("streams") or [])]
    return whole


def write_files(journals: str, written: Mapping[str, Any] | None, streams: Sequence[Mapping[str, Any]]) -> str:
    """Writes the streams and the configuration, and returns the path of the latter. Raises OSError.

    written: None where Sidestream has a configuration of its own, which may name the streams.
    """
    folder = os.path.join(journals, _FOLDER)
    for each in (folder, os.path.join(folder, _STREAMS)):
        os.makedirs(each, FOLDER_MODE, exist_ok=True)
    for stream in streams:
        _write(os.path.join(folder, _STREAMS, f"{stream['stream']}.yaml"), stream)
    path = os.path.join(folder, _FILE)
    if written is not None:
        _write(path, written)
    return path


def _write(path: str, content: Mapping[str, Any]) -> None:
    """JSON is YAML. The file may hold passwords."""
    beside = f"{path}.new"
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with open(fd, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")
    os.replace(beside, path)
