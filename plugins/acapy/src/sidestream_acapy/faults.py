"""Reads a section of the configuration and gathers every fault in it, so that all are told at once."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from .errors import ConfigurationError

_UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"(\d{1,16}) ?(KiB|MiB|GiB|TiB)?")
_SHOWN_CHARS_MAX = 60


class Faults:
    """Faults found so far."""

    def __init__(self) -> None:
        self._told: list[str] = []

    def add(self, key: str, expected: str, hint: str = "") -> None:
        """Adds `KEY: what was expected (hint)`."""
        self._told.append(f"{key}: {expected}{f' ({hint})' if hint else ''}")

    def __bool__(self) -> bool:
        return bool(self._told)

    def throw(self) -> NoReturn:
        """Raises ConfigurationError with all of them."""
        count = "is a fault" if len(self._told) == 1 else f"are {len(self._told)} faults"
        raise ConfigurationError("\n  ".join([f"sidestream: there {count} in the configuration:", *self._told]))


def shown(value: Any) -> str:
    """A value for a message."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """The nearest word as a hint; empty: none is near."""
    near = difflib.get_close_matches(word.lower(), [each.lower() for each in words], 1, 0.6)
    return next((f"did you mean {each}?" for each in words if [each.lower()] == near), "")


def size_of(value: Any) -> int | None:
    """Bytes of a number or of a text such as 64KiB; None: it is neither."""
    if type(value) is int:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) * _UNITS[match[2] or ""] if match is not None else None


class Section:
    """One mapping of the configuration."""

    def __init__(self, name: str, values: Mapping[str, Any], faults: Faults) -> None:
        self.name = name
        self.faults = faults
        self._values = values
        self._known: list[str] = []

    def get(self, key: str) -> Any:
        """The value as it stands; None: there is none."""
        self._known.append(key)
        return self._values.get(key)

    def has(self, key: str) -> bool:
        """Whether it is set."""
        return self._values.get(key) is not None

    def fault(self, key: str, expected: str, hint: str = "") -> None:
        """Tells a fault of a key."""
        self.faults.add(f"{self.name}.{key}", expected, hint)

    def text(self, key: str) -> str | None:
        """A text; a number is taken for one."""
        value = self.get(key)
        if value is None or (isinstance(value, str) and value != ""):
            return value
        if type(value) is int:
            return str(value)
        self.fault(key, f"expected a text, not {shown(value)}")
        return None

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """One of some words."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, str) and value in choices:
            return value
        words = f"{', '.join(choices[:-1])} or {choices[-1]}"
        self.fault(key, f"expected {words}, not {shown(value)}", did_you_mean(str(value), choices))
        return default

    def flag(self, key: str) -> bool | None:
        """True or false, also as a text. None: it isn't set."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        self.fault(key, f"expected true or false, not {shown(value)}")
        return None

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number, also as a text."""
        value = self.get(key)
        number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,12}", value) else value
        return self._bounded(key, value, number, default, least, most, lambda bound: f"{bound:,}")

    def size(self, key: str, default: int, least: int, most: int) -> int:
        """A number of bytes, also as 64KiB."""
        value = self.get(key)
        if value is None:
            return default
        number = size_of(value)
        if number is None:
            near = re.fullmatch(r"(\d{1,16}) ?([kmgt])i?b?", str(value), re.IGNORECASE)
            hint = f"did you mean {near[1]}{near[2].upper()}iB?" if near is not None else ""
            self.fault(key, f"expected a size such as 8MiB, not {shown(value)}", hint)
            return default
        return self._bounded(key, value, number, default, least, most, written_size)

    def list_of_texts(self, key: str) -> list[str] | None:
        """Texts; a single one is taken for a list. None: it isn't set, or has a fault."""
        value = self.get(key)
        if value is None:
            return None
        listed = [value] if isinstance(value, str) else value
        if isinstance(listed, (list, tuple)) and listed and all(isinstance(each, str) and each for each in listed):
            return list(listed)
        self.fault(key, f"expected a list of texts, not {shown(value)}")
        return None

    def mapping(self, key: str) -> Mapping[str, Any] | None:
        """Keys with values. None: it isn't set, or has a fault."""
        value = self.get(key)
        if value is None or isinstance(value, Mapping):
            return value
        self.fault(key, f"expected keys with values, not {type(value).__name__}")
        return None

    def tell_unknown(self, hint: Callable[[str], str] | None = None) -> None:
        """Tells the keys that nobody asked for."""
        for key in self._values:
            if key not in self._known:
                more = hint(key) if hint is not None else ""
                self.fault(str(key), "this key is not known", did_you_mean(str(key), self._known) or more)

    def _bounded(
        self,
        key: str,
        value: Any,
        number: Any,
        default: int,
        least: int,
        most: int,
        written: Callable[[int], str],
    ) -> int:
        if value is None:
            return default
        if type(number) is int and least <= number <= most:
            return number
        self.fault(key, f"expected {written(least)} to {written(most)}, not {shown(value)}")
        return default


def written_size(size: int) -> str:
    """Bytes as people write them."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return f"{size} bytes"
