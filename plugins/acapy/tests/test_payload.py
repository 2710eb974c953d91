"""Whatever an agent hands over, what is written is one JSON value in UTF-8, or a gap."""

import json
import math
import random
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from sidestream_acapy.errors import Unserialisable
from sidestream_acapy.payload import to_json


class Finished(NamedTuple):
    schema_id: str
    options: dict[str, Any]


class Record:
    def __init__(self, value: Any) -> None:
        self.value = value

    def serialize(self) -> Any:
        return self.value


@dataclass
class Point:
    x: int
    y: Any


class Colour(Enum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"a": 1, "b": [True, None, 1.5]}, {"a": 1, "b": [True, None, 1.5]}),
        ([], []),
        ("text", "text"),
        (None, None),
        (Finished("s", {"a": 1}), {"schema_id": "s", "options": {"a": 1}}),
        ({"deep": [Finished("s", {})]}, {"deep": [{"schema_id": "s", "options": {}}]}),
        (Record({"a": Record([1])}), {"a": [1]}),
        ({"a": Record({"b": 1})}, {"a": {"b": 1}}),
        (Point(1, Point(2, None)), {"x": 1, "y": {"x": 2, "y": None}}),
        ({"a": b"plain", "b": b"\xff\x00"}, {"a": "plain", "b": "/wA="}),
        ({"a": Colour.RED, "b": Number.ONE, "c": Text("t")}, {"a": "red", "b": 1, "c": "t"}),
        ({"a": (1, 2), "b": {3}}, {"a": [1, 2], "b": [3]}),
        (OrderedDict(a=1), {"a": 1}),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        ({(1, 2): "a"}, {"(1, 2)": "a"}),
        ({"a": math.nan, "b": [math.inf, -math.inf, 1.0]}, {"a": None, "b": [None, None, 1.0]}),
        ({"at": datetime(2026, 1, 2, tzinfo=UTC)}, {"at": "2026-01-02T00:00:00+00:00"}),
        ({"id": UUID(int=1)}, {"id": "00000000-0000-0000-0000-000000000001"}),
        ({"a": "\0\x01\u2028é😀"}, {"a": "\0\x01\u2028é😀"}),
    ],
)
def test_what_agents_hand_over_becomes_json(payload: Any, expected: Any) -> None:
    assert json.loads(to_json(payload).decode("utf-8")) == expected


def test_half_of_a_surrogate_pair_is_named_as_json_can() -> None:
    data = to_json({"a": "x\ud800y", "b\udfff": 1})
    assert data.decode("ascii") == '{"a":"x\\ud800y","b\\udfff":1}'


def test_no_text_is_changed_by_the_bytes_around_a_half_pair() -> None:
    data = to_json({"a": "é\ud800", "b": "\\ud800"})
    assert json.loads(data.decode("utf-8")) == {"a": "é\ud800", "b": "\\ud800"}


def circle() -> Any:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


def deep(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value]
    return value


class Refusing:
    def serialize(self) -> Any:
        raise KeyError("a fault of the agent")


class Endless:
    def serialize(self) -> Any:
        return Endless()


@pytest.mark.parametrize(
    "payload",
    [
        circle(),
        deep(100_000),
        object(),
        {"a": object()},
        Refusing(),
        Endless(),
        {"a": 10**5_000},
        lambda: None,
        {"a": Record},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_json_is_refused_and_nothing_else_is_raised(payload: Any) -> None:
    with pytest.raises(Unserialisable):
        to_json(payload)


def test_a_message_of_ten_megabytes_is_written() -> None:
    assert len(to_json({"content": "é" * 5_000_000})) > 10_000_000


def test_any_mixture_is_json_or_refused() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    leaves: list[Any] = [
        None, True, 0, -1, 2**70, 1.5, math.nan, math.inf, "", "é", "\ud800", "\udc00\ud800", "\0", "\u2028", b"\xff",
        Colour.RED, object(), Record({"a": math.nan}), Finished("s", {}), Text("t"), "\"\\", datetime.now(UTC),
    ]  # fmt: skip

    def value(depth: int) -> Any:
        kind = chance.randrange(6) if depth < 5 else 0
        if kind <= 2:
            return chance.choice(leaves)
        items = [value(depth + 1) for _ in range(chance.randrange(4))]
        if kind == 3:
            return {chance.choice(["a", "b", "\ud800", 1, None, 2.5, ("t",)]): item for item in items}
        return tuple(items) if kind == 4 else items

    for _ in range(3_000):
        try:
            data = to_json(value(0))
        except Unserialisable:
            continue
        json.loads(data.decode("utf-8"), parse_constant=pytest.fail)
