# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Numbers, times and names in the words of people, the same in every rendering of a report.

A value that is not known is the word "unknown", never 0: an unknown restore time counts as a missed one.
"""

from __future__ import annotations

import datetime
import math
import re
import typing as t

UNKNOWN = "unknown"

# Three or six digits of a second are what every Python from 3.9 on reads.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z", re.ASCII)

_HASH = re.compile("[0-9a-f]{32,}")

_BYTE_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")

# What a terminal obeys, what XML 1.0 forbids, what has no glyph, and what reorders the text around it: none of it may
# make a name in a piece of evidence look like another name. Joiners and left-to-right marks stay: scripts need them.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def visible(text: str, keep: str = "") -> str:
    """The text with every character shown that a reader would not see or a machine would obey; those in ``keep`` stay
    as they are.
    """
    return _HIDDEN.sub(lambda found: found.group() if found.group() in keep else _glyph(found.group()), text)


def _glyph(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's own pictures of the control characters
    if code == 0x7F:
        return "\u2421"
    if code < 0xA0 or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF):
        return "\ufffd"
    return f"\u27e8U+{code:04X}\u27e9"


def format_scalar(value: t.Any) -> str:
    """A checked value as text: counts with separators, truth in words, ``None`` as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return format_count(value)
    return visible(str(value), keep="\n\t")


def format_count(count: int | None) -> str:
    """``1,234,567``."""
    return UNKNOWN if count is None else f"{count:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 table``, ``2 tables``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


_ONE = {"indexes": "index", "files in other repositories": "file in another repository"}


def counted(count: int | None, many: str) -> str:
    """``1 table``, ``2 tables``, from the word for many."""
    return f"{format_count(count)} {_ONE.get(many, many.removesuffix('s')) if count == 1 else many}"


def format_bytes(count: int | None) -> str:
    """``1.2 GB`` in powers of 1000, three digits at most."""
    if count is None:
        return UNKNOWN
    if abs(count) < 1000:
        return plural(count, "byte")
    value = float(count)
    for unit in _BYTE_UNITS:
        value /= 1000
        text = f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"
        if abs(float(text)) < 1000 or unit == _BYTE_UNITS[-1]:
            return f"{text} {unit}"
    raise AssertionError("the last unit always returns")


def exact_bytes(count: int | None) -> str:
    """``1,234,567,890 bytes``."""
    return UNKNOWN if count is None else plural(count, "byte")


def format_seconds(seconds: float | None) -> str:
    """``0.42 s``, ``42.3 s``, ``3 min 12 s``, ``2 h 5 min``, ``3 d 4 h``: one or two units, never ``60 s``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 0:
        return "\u2212" + format_seconds(-seconds)
    if seconds < 0.995:
        return "0 s" if seconds == 0 else "< 0.01 s" if seconds < 0.01 else f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return _two_units(seconds)


def _two_units(seconds: float) -> str:
    whole = round(seconds)
    if whole < 3600:
        return _units(whole, 60, "min", "s")
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return _units(minutes, 60, "h", "min")
    return _units(round(seconds / 3600), 24, "d", "h")


def _units(count: int, in_one: int, large: str, small: str) -> str:
    rest = f" {count % in_one} {small}" if count % in_one else ""
    return f"{count // in_one:,} {large}{rest}"


def exact_seconds(seconds: float | None) -> str:
    """``192.418 seconds``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    return f"{seconds:,.3f} seconds"


def format_rate(bytes_per_second: float | None) -> str:
    """``85.1 MB/s``."""
    if bytes_per_second is None or not math.isfinite(bytes_per_second):
        return UNKNOWN
    return f"{format_bytes(round(bytes_per_second))}/s"


def format_ratio(plain: int | None, stored: int | None) -> str:
    """How many times smaller what is stored is, such as ``3.9``."""
    if not plain or not stored:
        return UNKNOWN
    return f"{plain / stored:.1f}"


def parse_timestamp(text: str) -> datetime.datetime | None:
    """The moment of a UTC ISO 8601 timestamp that ends with ``Z``, or None where the text is no such timestamp."""
    if not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.datetime.fromisoformat(text[:-1]).replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return None


def utc_timestamp(moment: datetime.datetime) -> str:
    """``2026-01-15T02:00:00Z``, to the second. The moment has to know its time zone."""
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_timestamp(text: str | None) -> str:
    """``2026-01-15 02:00:00 UTC``; a text that is no timestamp comes back as it is."""
    if not text:
        return UNKNOWN
    moment = parse_timestamp(text)
    return visible(text) if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def is_hash(value: t.Any) -> bool:
    """True for text that is nothing but 32 or more hexadecimal digits."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def shorten_hash(fingerprint: str | None, length: int = 12) -> str:
    """The first characters of a hash, enough to compare by eye; the whole one is in the JSON report."""
    if not fingerprint:
        return UNKNOWN
    text = visible(fingerprint)
    return text if len(text) <= length + 1 else text[:length] + "\u2026"
