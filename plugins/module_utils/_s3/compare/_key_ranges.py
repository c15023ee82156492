# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Cuts the keys of a bucket into ranges that are walked at the same time. Pure: no requests.

A range is everything after one key up to and including another, so the ranges that come out of a cut hold every key
exactly once, whatever the keys are. S3's order is that of the keys' bytes in UTF-8, which is the order of their
characters' code points.
"""

from __future__ import annotations

import bisect
import dataclasses
import typing as t

_LOWEST, _HIGHEST = (
    0x20,
    0x7F,
)  # where nothing is known of the keys they are taken for printable ASCII; a wrong guess only costs requests
_SURROGATES = range(0xD800, 0xE000)
_DEPTH = 64  # how many leading characters of the keys are watched


@dataclasses.dataclass(frozen=True)
class Range:
    """The keys after ``after`` up to and including ``until``. None is before the first and after the last key."""

    after: bytes | None = None
    until: bytes | None = None

    def holds(self, key: bytes) -> bool:
        """Whether the key is in it."""
        return (self.after is None or key > self.after) and (self.until is None or key <= self.until)

    def cut(self, at: t.Iterable[bytes]) -> list[Range]:
        """The ranges between these keys, in order; those outside of the range do not cut."""
        inside = sorted({key for key in at if self.holds(key) and key != self.until})
        edges: list[bytes | None] = [self.after, *inside, self.until]
        return [Range(after, until) for after, until in zip(edges, edges[1:])]


def evenly(keys: t.Sequence[bytes], count: int) -> list[bytes]:
    """At most ``count`` of the keys, spread evenly."""
    if len(keys) <= count:
        return list(keys)
    return [keys[(number + 1) * len(keys) // (count + 1)] for number in range(count)]


class Alphabet:
    """Which characters were seen at each of the first places of keys: where a cut between two keys has something on
    both sides.
    """

    def __init__(self) -> None:
        self._seen: list[list[str]] = []

    def note(self, key: bytes, skip: int = 0) -> None:
        """Take note of a key; ``skip`` characters are known to be the same in all."""
        for place, character in enumerate(key.decode("utf-8", "replace")[: skip + _DEPTH]):
            if place == len(self._seen):
                self._seen.append([])
            characters = self._seen[place]
            at = bisect.bisect_left(characters, character)
            if at == len(characters) or characters[at] != character:
                characters.insert(at, character)

    def between(self, low: str, high: str | None, place: int) -> str | None:
        """The middle one of the characters seen at a place that are above ``low`` and below ``high``."""
        if place >= len(self._seen):
            return None
        characters = self._seen[place]
        begin = bisect.bisect_right(characters, low)
        end = len(characters) if high is None else bisect.bisect_left(characters, high)
        return characters[(begin + end) // 2] if begin < end else None


def middle(after: bytes, until: bytes | None, alphabet: Alphabet, prefix: bytes = b"") -> bytes | None:
    """A key between two others where it is worth to cut, None where there is none.

    ``after < result < until`` by their bytes, and the result is UTF-8. It need not be the key of an object.
    """
    low, high = after.decode("utf-8", "replace"), None if until is None else until.decode("utf-8", "replace")
    start = len(prefix.decode("utf-8", "replace")) if after.startswith(prefix) else 0
    found = _by_alphabet(low, high, alphabet, start) or _by_code(low, high, start)
    result = found.encode("utf-8") if found is not None else None
    if result is None or result <= after or (until is not None and result >= until):
        return None
    return result


def _by_alphabet(low: str, high: str | None, alphabet: Alphabet, start: int) -> str | None:
    """At the first place where a character was seen that is between the two."""
    bound = high
    for place in range(start, min(len(low), _DEPTH + start)):
        if bound is not None and low[:place] != bound[:place]:
            bound = None  # already below it, whatever follows
        ceiling = bound[place] if bound is not None and place < len(bound) else None
        character = alphabet.between(low[place], ceiling, place)
        if character is not None:
            return low[:place] + character
    return None


def _by_code(low: str, high: str | None, start: int) -> str | None:
    """Halfway between the code points, at the first place that has room."""
    for place in range(start, len(low) + 1):
        if high is not None and low[:place] != high[:place]:
            high = None
        floor = ord(low[place]) if place < len(low) else _LOWEST - 1
        ceiling = ord(high[place]) if high is not None and place < len(high) else max(_HIGHEST, floor + 1)
        code = (floor + ceiling) // 2
        if code in _SURROGATES:
            code = _SURROGATES.start - 1
        if floor < code < ceiling:
            return low[:place] + chr(code)
    return None
