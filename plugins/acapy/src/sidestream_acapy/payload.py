"""Payloads as JSON.

Payloads are live objects that the agent goes on changing, so they are written down when the event happens. What comes
out is always one JSON value in UTF-8; what can't be one is refused.
"""

import base64
import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from enum import Enum
from json import JSONEncoder
from typing import Any
from uuid import UUID

from .errors import Unserialisable

_PLAIN = frozenset({str, int, bool, type(None), float})
_HALF_PAIR = re.compile("[\ud800-\udfff]")
# Python's own encoder ends before; this only names the bound.
_DEPTH_MAX = 500


def to_json(payload: Any) -> bytes:
    """The payload as JSON. Raises Unserialisable, and nothing else."""
    try:
        # Only objects need a look of their own; for the rest the encoder in C is enough.
        if _is_json(payload):
            try:
                return _encode_prepared(payload).encode()
            except (ValueError, TypeError, RecursionError):
                # NaN, a circle, a key that is no text, half of a pair: the slow way tells them apart.
                pass
        return _utf8(_encode(_plain(payload, 0)))
    except Exception as error:
        raise Unserialisable(f"{type(error).__name__}: {error}"[:200]) from error


_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _prepared_encoder() -> Callable[[Any], str]:
    """As `_encode`, but what each call of it makes anew is made once: half of the time that a small payload takes."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    try:
        # Without markers a circle is a RecursionError, and nothing of one call is left for the next.
        chunks = make(None, _refuse, json.encoder.encode_basestring, None, ":", ",", False, False, False)
        if "".join(chunks({"a": ["ü", None]}, 0)) != '{"a":["ü",null]}':
            return _encode
    except TypeError:
        # Another Python, where it is made otherwise or not at all.
        return _encode
    return lambda payload: "".join(chunks(payload, 0))


def _refuse(value: Any) -> Any:
    raise TypeError(f"a {type(value).__name__} is in it")


_encode_prepared = _prepared_encoder()


def _is_json(value: Any) -> bool:
    """False: there is something in it that the encoder doesn't know, or would write as a list of nameless values."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is dict:
        value = value.values()
    elif kind is not list:
        return False
    # A loop: `all` with a generator takes twice as long.
    for each in value:  # noqa: SIM110
        if type(each) not in _PLAIN and not _is_json(each):
            return False
    return True


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair: it has no bytes in UTF-8, but JSON can name it.
        return _HALF_PAIR.sub(lambda half: f"\\u{ord(half.group()):04x}", text).encode()


def _plain(value: Any, depth: int) -> Any:
    """The value in terms of dict, list and plain values."""
    if depth > _DEPTH_MAX:
        raise Unserialisable("nested too deep, or in a circle")
    if isinstance(value, Enum):
        return _plain(value.value, depth + 1)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        return {_key(name): _plain(each, depth + 1) for name, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict(), depth + 1)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each, depth + 1) for each in value]
    return _plain_object(value, depth)


def _plain_object(value: Any, depth: int) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _text_of(bytes(value))
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    serialize = getattr(value, "serialize", None)
    if callable(serialize):
        return _plain(serialize(), depth + 1)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), depth + 1) for field in dataclasses.fields(value)}
    # Its text may hold what nobody meant to send.
    raise Unserialisable(f"a {type(value).__name__} is in it")


def _key(name: Any) -> str:
    return name if isinstance(name, str) else str(name)


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
