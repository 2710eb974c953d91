"""What never leaves an agent, whatever its configuration asks for.

Promise: keys of wallets, API keys in webhook URLs, and messages in the clear don't reach the journal.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .errors import Unserialisable
from .payload import to_json

OUTBOUND = "acapy::outbound-message::"
_CORE = "acapy::core::"

_SECRET_NAME = re.compile(r"key|seed|secret|passw|token|jwt|private|mnemonic|webhook", re.IGNORECASE)
# Names of the agent's own settings. They belong in no event, and have been seen in those of the core alone.
_SETTING_NAME = re.compile(
    r"(?:wallet\.(?:.*key.*|seed|.*creds|.*config|webhook_urls)|dbstore\.key"
    r"|admin\.(?:.*key|webhook_urls)|multitenant\.jwt_secret)",
    re.IGNORECASE,
)
_SETTING_IN_JSON = re.compile(rb'"(?:wallet|dbstore|admin|multitenant)\.', re.IGNORECASE)
_ID_CHARS_MAX = 128
# A larger message is not read for the sake of its id.
_READ_CHARS_MAX = 2**20


def withheld(topic: str, payload: Any) -> Any:
    """The payload as far as it may leave."""
    if topic.startswith(OUTBOUND) or type(payload).__name__ == "OutboundMessage":
        return _outbound(topic, payload)
    if topic.startswith(_CORE):
        return _without(payload, _SECRET_NAME)
    return payload


def holds_settings(payload_json: bytes) -> bool:
    """True: there may be settings of the agent in it, so `without_settings` must look."""
    return _SETTING_IN_JSON.search(payload_json) is not None


def without_settings(payload_json: bytes) -> bytes:
    """The same without the agent's secret settings. Raises Unserialisable."""
    try:
        return to_json(_without(json.loads(payload_json), _SETTING_NAME))
    except RecursionError as error:
        raise Unserialisable("nested too deep") from error


def _without(value: Any, names: re.Pattern[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _without(each, names)
            for name, each in value.items()
            if not (isinstance(name, str) and names.search(name) is not None)
        }
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _without(value._asdict(), names)
    if isinstance(value, (list, tuple)):
        return [_without(each, names) for each in value]
    return value


def _outbound(topic: str, payload: Any) -> dict[str, str]:
    """Ids and status of an outbound message, without the message."""
    told = {"status": topic.removeprefix(OUTBOUND)} if topic.startswith(OUTBOUND) else {}
    for name, source in (("connection_id", "connection_id"), ("thread_id", "reply_thread_id")):
        value = payload.get(source) if isinstance(payload, Mapping) else getattr(payload, source, None)
        if isinstance(value, str) and len(value) <= _ID_CHARS_MAX:
            told[name] = value
    message_id = _message_id(getattr(payload, "payload", None))
    if message_id is not None:
        told["message_id"] = message_id
    return told


def _message_id(message: Any) -> str | None:
    if not isinstance(message, (str, bytes)) or len(message) > _READ_CHARS_MAX:
        return None
    with suppress(ValueError, RecursionError):
        content = json.loads(message)
        found = content.get("@id", content.get("id")) if isinstance(content, dict) else None
        if isinstance(found, str) and len(found) <= _ID_CHARS_MAX:
            return found
    return None
