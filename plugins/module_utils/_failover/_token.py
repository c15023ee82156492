# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The token by which a person says yes to one failover, and to no other. Pure.

A preflight makes an *offer*: the mode, who is promoted and who is left, the verdict, and the most that each store
would lose. The token is a code over all of that and the time. It is void after fifteen minutes, and as soon as anything
in the offer is no longer true. A longer delay, or a larger loss, needs a new look and a new yes.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import hmac
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain

TIME_TO_LIVE = datetime.timedelta(minutes=15)
_TOLERANCE = datetime.timedelta(minutes=1)  # an offer from the future: two hosts' clocks differ a little
_MINUTES = 4  # characters that say when: minutes, modulo a year or two
_CODE = 10  # characters of the code: 50 bits
_MODULUS = 32**_MINUTES
_ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclasses.dataclass(frozen=True)
class Offer:
    """What a person is asked to say yes to."""

    app: str
    mode: str
    epoch: int  # the epoch that the run would open
    plan_digest: str
    source: dict[str, str]  # its names and identifiers: region, system identifier, timeline, cluster, bucket
    target: dict[str, str]
    verdict: str
    losses: dict[str, float | None]  # component → the most that may be lost, in seconds; None: unknown


class VoidTokenError(LifeboatError):
    """The token does not belong to what would be done now."""


def sentence(offer: Offer) -> str:
    """The offer in words, which name things and not identifiers."""
    lost = ", ".join(f"{name}: {_loss(seconds)}" for name, seconds in sorted(offer.losses.items())) or "nothing"
    source, target = offer.source.get("region", "the source"), offer.target.get("region", "the target")
    what = offer.mode if offer.mode == "failback" else f"{offer.mode} failover"
    return f"{what} of {offer.app} from {source} to {target}; at most this is lost: {lost}."


def make_token(offer: Offer, key: bytes, now: datetime.datetime) -> str:
    """The token, such as ``7QK2-ABCDEFGHIJ``."""
    when = _encoded(int(now.timestamp()) // 60 % _MODULUS)
    return f"{when}-{_code(offer, key, when)}"


def check_token(token: str, offer: Offer, key: bytes, now: datetime.datetime) -> datetime.datetime:
    """When the token was issued. ``offer`` is what is true now, with the losses that were offered.

    Raises OptionError for a text that is not a token, and VoidTokenError for one that is too old or of another offer.
    """
    text = token.strip().upper()
    when, dash, code = text.partition("-")
    if not dash or len(when) != _MINUTES or len(code) != _CODE or not _is_base32(when + code):
        raise OptionError(
            "The token is not one that preflight prints.", hint="Give it as it was printed, such as 7QK2-ABCDEFGHIJ."
        )
    if not hmac.compare_digest(code, _code(offer, key, when)):
        raise VoidTokenError(
            "The token belongs to another failover: since it was printed the plan, the mode, the epoch, the source, "
            "the target, the verdict or what would be lost has changed, or another key made it. Nothing was done.",
            hint="Run preflight again, and read its sentence before you type the new token.",
        )
    issued = _issued(when, now)
    if not -_TOLERANCE <= now - issued <= TIME_TO_LIVE:
        raise VoidTokenError(
            f"The token was printed at {issued.strftime(_ISO)}, and is void after {TIME_TO_LIVE.seconds // 60} minutes."
            " Nothing was done.",
            hint="Run preflight again.",
        )
    return issued


def exceeded(offered: t.Mapping[str, float | None], now: t.Mapping[str, float | None]) -> list[str]:
    """The stores that would lose more now than was offered, in words. One that is not known any longer would, too."""
    return [
        f"{name}: at most {_loss(offered[name])} was offered, and it is {_loss(seconds)} now"
        if name in offered
        else f"{name} was not offered"
        for name, seconds in sorted(now.items())
        if name not in offered or not _within(seconds, offered[name])
    ]


def _within(seconds: float | None, limit: float | None) -> bool:
    return limit is None or (seconds is not None and seconds <= limit)


def _loss(seconds: float | None) -> str:
    return "an unknown amount" if seconds is None else f"{seconds:g} s"


def _code(offer: Offer, key: bytes, when: str) -> str:
    document = json.dumps({"when": when, **to_plain(offer)}, sort_keys=True, separators=(",", ":"))
    digest = hmac.new(key, document.encode("ascii"), hashlib.sha256).digest()
    return base64.b32encode(digest).decode("ascii")[:_CODE]


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648, section 6


def _encoded(number: int) -> str:
    characters = ""
    for _position in range(_MINUTES):
        characters = _ALPHABET[number % 32] + characters
        number //= 32
    return characters


def _issued(when: str, now: datetime.datetime) -> datetime.datetime:
    """The minute that ``when`` names, the nearest to now of those that it may be."""
    number = 0
    for character in when:
        number = number * 32 + _ALPHABET.index(character)
    minutes = int(now.timestamp()) // 60
    distance = (number - minutes) % _MODULUS
    nearest = distance if distance <= _MODULUS // 2 else distance - _MODULUS
    return datetime.datetime.fromtimestamp((minutes + nearest) * 60, datetime.timezone.utc)


def _is_base32(text: str) -> bool:
    return all(character in _ALPHABET for character in text)
