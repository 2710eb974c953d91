"""The attributes of an event's record: topic, wallet, label, state, id of its record.

Promise: whatever the agent gives, they are within the bounds that readers of the format keep to.
"""

import hashlib
import re
from collections.abc import Mapping
from json import JSONEncoder
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
    "connection_id",
    "mediation_id",
    "discovery_exchange_id",
    "transaction_id",
    "record_id",
    "message_id",
    "wallet_id",
    "id",
)

# One entry a tenant; forgotten as a whole beyond that.
_TENANTS_MAX = 4_096
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_WALLET = re.compile("[\x21-\x7e]{1,128}")
_text_json = JSONEncoder(ensure_ascii=False).encode


def clipped(text: str, chars_max: int) -> str:
    """The text without control characters and halves of pairs, cut to so many UTF-16 units: readers count these."""
    if _UNFIT.search(text) is not None:
        text = _UNFIT.sub("\ufffd", text)
    if len(text) * 2 <= chars_max or (len(text) <= chars_max and text.isascii()):
        return text
    return text.encode("utf-16-le")[: chars_max * 2].decode("utf-16-le", "ignore")


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
    """Which tenant an event is of, as a piece of its attributes; made once for each tenant."""

    def __init__(self) -> None:
        self._fragments: dict[tuple[Any, Any], bytes] = {}

    def of(self, profile: Any) -> bytes:
        """Looks at the profile's settings each time, since a tenant's label can change."""
        settings = profile.settings
        tenant = (settings.get("wallet.id"), settings.get("default_label"))
        fragment = self._fragments.get(tenant)
        if fragment is None:
            if len(self._fragments) >= _TENANTS_MAX:
                self._fragments.clear()
            fragment = self._fragments[tenant] = _tenant_fragment(*tenant)
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
    if not isinstance(payload, Mapping):
        return b"}"
    text = ""
    state = payload.get("state")
    if isinstance(state, str) and state != "":
        text += ',"state":' + _text_json(clipped(state, ID_CHARS_MAX))
    for name in RECORD_IDS:
        value = payload.get(name)
        if isinstance(value, str) or type(value) is int:
            record_id = clipped(str(value), ID_CHARS_MAX)
            if record_id != "":
                text += ',"recordId":' + _text_json(record_id)
            break
    return (text + "}").encode()
