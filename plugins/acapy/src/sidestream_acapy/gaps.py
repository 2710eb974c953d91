"""Events that were given up and of which no record stands in the journal yet."""

from dataclasses import dataclass

# Beyond so many stretches the last one grows, whatever its reason: memory must not grow with an outage.
_STRETCHES_MAX = 64


@dataclass(slots=True)
class Gap:
    """Neighbours that were given up for one reason."""

    first: int
    last: int
    reason: str
    # When the first of them happened.
    time_ns: int


class Gaps:
    """A list that grows by stretches, not by events."""

    def __init__(self) -> None:
        self._gaps: list[Gap] = []

    def __bool__(self) -> bool:
        return bool(self._gaps)

    def first(self) -> Gap:
        """The one whose record must be written next."""
        return self._gaps[0]

    def written(self) -> None:
        """Forgets the first one."""
        del self._gaps[0]

    def add(self, sequence: int, reason: str, time_ns: int) -> None:
        """Adds the event that follows the last one given."""
        last = self._gaps[-1] if self._gaps else None
        if last is not None and (last.reason == reason or len(self._gaps) >= _STRETCHES_MAX):
            last.last = sequence
        else:
            self._gaps.append(Gap(sequence, sequence, reason, time_ns))
