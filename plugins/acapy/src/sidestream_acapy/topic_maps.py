"""Topic maps of the plugins `kafka_events` and `redis_events`: regular expressions of the agent's topics, and templates.

They become the list of what is journaled, and streams of Sidestream that publish as those plugins did, but each event
once: there an event whose topic two expressions fit was published twice.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from .faults import Faults, did_you_mean, shown
from .re2 import as_rule_regex, re2_problem
from .topics import GUARDED_PREFIXES

# What templates may name, and what Sidestream calls it.
_PLACES = {"wallet_id": "{tenant}", "topic": "{topic}", "category": "{category}", "state": "{state}"}
_LITERAL = re.compile(r"[A-Za-z0-9._-]*")
_EXPRESSION_CHARS_MAX = 900
_MAPS_MAX = 200

RECORDS_AND_WEBHOOKS = {
    "^acapy::webhook::(.*)$": "acapy-webhook-$wallet_id",
    "^acapy::record::([^:]*)::([^:]*)$": "acapy-record-with-state-$wallet_id",
    "^acapy::record::([^:])?": "acapy-record-$wallet_id",
    "acapy::basicmessage::received": "acapy-basicmessage-received",
}


@dataclass(frozen=True, slots=True)
class TopicMap:
    """One entry: what it takes, and the topic as Sidestream writes templates."""

    expression: str
    target: str


def read_maps(key: str, maps: Mapping[Any, Any], faults: Faults) -> list[TopicMap]:
    """Reads maps, and tells what is wrong with them."""
    read = []
    if not 0 < len(maps) <= _MAPS_MAX:
        faults.add(key, f"expected 1 to {_MAPS_MAX} entries, not {len(maps)}")
    for expression, template in list(maps.items())[:_MAPS_MAX]:
        place = f"{key} {shown(expression)}"
        if not isinstance(expression, str) or not isinstance(template, str):
            faults.add(place, "expected a regular expression and the template of a topic, both texts")
            continue
        problem = re2_problem(expression)
        if problem is None and len(expression) > _EXPRESSION_CHARS_MAX:
            problem = f"it has more than {_EXPRESSION_CHARS_MAX} characters"
        if problem is not None:
            faults.add(place, f"expected an expression that RE2 takes; {problem}", "split it, or write it otherwise")
        target = _target(place, template, faults)
        if problem is None and target is not None:
            read.append(TopicMap(expression, target))
    return read


def _target(place: str, template: str, faults: Faults) -> str | None:
    parts: list[str] = []
    problems: list[str] = [] if template != "" else ["it is empty"]
    last = 0
    for match in Template.pattern.finditer(template):
        parts.append(_literal(template[last : match.start()], problems))
        last = match.end()
        name = match["named"] or match["braced"]
        if match["escaped"] is not None:
            problems.append("a topic can't have a $ in it")
        elif name is None:
            problems.append(f"{template[match.start() :][:20]!r} is no place of a template")
        elif name not in _PLACES:
            known = ", ".join(f"${each}" for each in _PLACES)
            near = did_you_mean(name, list(_PLACES))
            problems.append(f"${name} is not one of {known}{f'; {near}' if near else ''}")
        else:
            parts.append(_PLACES[name])
    parts.append(_literal(template[last:], problems))
    if not problems:
        return "".join(parts)
    faults.add(place, f"expected the template of a topic, not {shown(template)}: {'; '.join(problems)}")
    return None


def _literal(text: str, problems: list[str]) -> str:
    if _LITERAL.fullmatch(text) is None:
        problems.append(f"in {text!r} are other characters than letters, digits, dots, dashes and underscores")
    return text


class MapSelection:
    """What the maps take, as the old plugins did: from the beginning of a topic on, and not needing its end."""

    def __init__(self, maps: Sequence[TopicMap]) -> None:
        self._expressions = [re.compile(each.expression) for each in maps]

    def wants(self, topic: str) -> bool:
        """A guarded topic is wanted only by an expression that begins as it does."""
        guard = next((each for each in GUARDED_PREFIXES if topic.startswith(each)), "")
        return any(each.match(topic) and _begins(each.pattern, guard) for each in self._expressions)

    def regex(self) -> str:
        """Everything: expressions with flags of their own can't be joined."""
        return ""


def _begins(expression: str, guard: str) -> bool:
    return expression.removeprefix("^").replace("\\", "").startswith(guard)


def streams(
    maps: Sequence[TopicMap], *, name: str, destination: str, delivery: str, is_first_only: bool
) -> list[dict[str, Any]]:
    """Message stream descriptors that publish by the maps.

    is_first_only: an event goes where the first map sends it that fits; else wherever one does, in streams of their own.
    """
    common = {"tenants": "all", "delivery": delivery, "format": "acapy", "key": "{tenant}"}
    if is_first_only:
        rules = [_rule(each, maps[:place], destination) for place, each in enumerate(maps)]
        return [
            {
                "stream": f"acapy-{name}",
                "title": f"Events of agents, as {name} published them",
                **common,
                "rules": rules,
            }
        ]
    return [
        {
            "stream": f"acapy-{name}-{place}",
            "title": f"Events of agents, as {name} published them by its topic map {place}",
            **common,
            "rules": [_rule(each, [], destination)],
        }
        for place, each in enumerate(maps, 1)
    ]


def _rule(each: TopicMap, before: Sequence[TopicMap], destination: str) -> str:
    # Those before it with the same topic make the message already; a stream makes one for a topic.
    others = [_term(other) for other in before if other.target != each.target]
    unless = f" AND NOT ({' OR '.join(others)})" if others else ""
    return f"{_term(each)}{unless} , publish , {destination}:{each.target}"


def _term(each: TopicMap) -> str:
    return f"TOPIC~{as_rule_regex(each.expression)}"
