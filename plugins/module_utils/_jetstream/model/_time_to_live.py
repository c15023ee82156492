# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The time to live that a message has of its own: the header ``Nats-TTL`` (ADR-43, servers from 2.11). Pure.

It counts where the stream has ``allow_msg_ttl``. A message of ``never`` stays whatever the stream's ``max_age`` says;
one with a time of its own goes when either is over (2.15.1).
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message

_TTL = re.compile(rb"\r\nNats-TTL: *([^\r\n]*?) *\r\n", re.IGNORECASE)
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|\u00b5s|ms|s|m|h)")


def outlived(messages: t.Iterable[Message], now_ns: int) -> t.Iterator[int]:
    """The sequences of the messages that are older than the time to live that they have themselves."""
    for message in messages:
        life = _nanoseconds(_text(message))
        if life and message.time_ns + life <= now_ns:
            yield message.sequence


def all_stay(messages: t.Iterable[Message], max_age_ns: int, now_ns: int) -> bool:
    """Whether each message that is older than ``max_age_ns`` says that it stays."""
    return all(message.time_ns + max_age_ns > now_ns or _text(message).lower() == "never" for message in messages)


def _text(message: Message) -> str:
    found = _TTL.search(message.headers)
    return found[1].decode("ascii", "replace") if found else ""


def _nanoseconds(text: str) -> int:
    """``90`` (seconds), ``1h30m``, as Go writes a duration; 0 for ``never`` and for what is none."""
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text) * 1_000_000_000
    if not re.fullmatch(f"({_DURATION.pattern})+", text):
        return 0
    return round(sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text)))
