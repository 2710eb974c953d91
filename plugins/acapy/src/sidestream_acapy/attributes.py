"""The attributes of an event's record: topic, wallet, label, state, id of its record.

Promise: whatever the agent gives, they are within the bounds that readers of the format keep to.
"""

import hashlib
import json
import re
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

TOPIC_CHARS_MAX = 256
LABEL_CHARS_MAX = 256
ID_CHARS_MAX = 128

# Where agents put the id of the record that an event is about; the first that is there counts. The same list, in the
# same order, as Sidestream's own: src/flow/message/entity.ts.
RECORD_IDS = (
    "cred_ex_id",
    "pres_ex_id",
    "oob_id",
    "mediation_id",
    "discovery_exchange_id",
    "transaction_id",
    "connection_id",
    "record_id",
    "message_id",
    "wallet_id",
    "id",
)

# One entry a profile; forgotten as a whole beyond that.
_TENANTS_MAX = 4_096
_LABEL_NS_MAX = 1_000_000_000
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_WALLET = re.compile("[\x21-\x7e]{1,128}")
# What JSONEncoder(ensure_ascii=False) writes texts with.
_text_json = json.encoder.encode_basestring


def clipped(text: str, chars_max: int) -> str:
    """The text without control characters and halves of pairs, cut to so many UTF-16 units: readers count these."""
    if _UNFIT.search(text) is not None:
        text = _UNFIT.sub("\ufffd", text)
    if len(text) * 2 <= chars_max or (len(text) <= chars_max and text.isascii()):
        return text
    return text.encode("utf-16-le")[: chars_max * 2].decode("utf-16-le", "ignore")


def _clipped_json(text: str, chars_max: int) -> str:
    # Nearly all are short and plain.
    if len(text) <= chars_max and text.isascii() and text.isprintable():
        return _text_json(text)
    return _text_json(clipped(text, chars_max))


def topic_fragment(topic: str) -> bytes:
    """The beginning of the attributes of all events of a topic."""
    return b'{"topic":' + _text_json(clipped(topic, TOPIC_CHARS_MAX)).encode()


def fitting_wallet(wallet: str) -> str:
    """The wallet's id in visible ASCII: tenants must never be mixed up, whatever an id is made of."""
    if _WALLET.fullmatch(wallet) is not None:
        return wallet
    quoted = quote(wallet, safe="", errors="surrogatepass")
    if 0 < len(quoted) <= ID_CHARS_MAX:
        return quoted
    return "~" + hashlib.sha256(wallet.encode("utf-8", "surrogatepass")).hexdigest()


class TenantFragments:
    """Which tenant an event is of, as a piece of its attributes.

    Promise: a profile's wallet never changes; a label that was changed shows a second later at the latest.
    """

    def __init__(self) -> None:
        # By the profile's identity: whether it is still the same one, when its settings were asked, what they said.
        self._known: dict[int, tuple[weakref.ref[Any], int, bytes]] = {}

    def of(self, profile: Any, now_ns: int) -> bytes:
        """The piece for a profile. Asking an agent's settings takes as long as all else here."""
        known = self._known.get(id(profile))
        if known is not None and known[0]() is profile and now_ns - known[1] < _LABEL_NS_MAX:
            return known[2]
        settings = profile.settings
        fragment = _tenant_fragment(settings.get("wallet.id"), settings.get("default_label"))
        if len(self._known) >= _TENANTS_MAX:
            self._known.clear()
        with suppress(TypeError):  # It can't be referred to weakly, and is asked each time.
            self._known[id(profile)] = (weakref.ref(profile), now_ns, fragment)
        return fragment


def _tenant_fragment(wallet: Any, label: Any) -> bytes:
    text = ""
    if wallet is not None:
        text += ',"wallet":' + _text_json(fitting_wallet(str(wallet)))
    if isinstance(label, str) and label != "":
        text += ',"label":' + _text_json(clipped(label, LABEL_CHARS_MAX))
    return text.encode()


def record_fragment(payload: Any) -> bytes:
    """What the payload says of the record that the event is about."""
    if type(payload) is not dict:
        if isinstance(payload, tuple) and hasattr(payload, "_asdict"):
            payload = payload._asdict()
        if not isinstance(payload, Mapping):
            return b"}"
    text = ""
    state = payload.get("state")
    if isinstance(state, str) and state != "":
        text = ',"state":' + _clipped_json(state, ID_CHARS_MAX)
    for name in RECORD_IDS:
        if name not in payload:
            continue
        value = payload[name]
        if isinstance(value, str) or type(value) is int:
            record_id = str(value)
            if record_id != "":
                text += ',"recordId":' + _clipped_json(record_id, ID_CHARS_MAX)
            break
    return (text + "}").encode()
