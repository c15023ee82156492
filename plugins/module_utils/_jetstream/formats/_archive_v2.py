# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads a v2 archive, which servers from 2.15 send: one entry for each message, and an empty entry at the end.

    "NATSARC1", then entries: uvarint length of the name, zigzag varint time, uvarint sequence, uvarint length of the
    headers, uvarint length of the data, name, headers, data

Sequence 0 is a file (``state.json``, ``consumers/<name>``), else the name is the subject. Facts:
server/archive/archive.go, 2.15.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import HEAD, Batch, Message, Problem

MAGIC = b"NATSARC1"
_LARGEST_CONTENT = 80 << 20  # of an entry: the server's limit for a message is 64 MiB


class Entry(t.NamedTuple):
    """One message: where its content begins in the unit's data, and the lengths of its parts."""

    sequence: int
    time_ns: int
    at: int
    subject: int
    headers: int
    size: int  # of all three


class Unit(t.NamedTuple):
    """Whole entries that stand next to each other."""

    data: bytes
    entries: list[Entry]


class V2Scanner:
    """Finds the entries. What it holds between two calls is at most one entry, and can be pickled."""

    format = "v2"

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.complete = False
        self._held = bytearray()
        self._needed = len(MAGIC)
        self._begun = False
        self._last = 0

    def scan(self, data: bytes, batch: Batch) -> list[Unit]:
        """Whole entries in ``data`` and what was held before it; files go into ``batch``. Raises DamagedError."""
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return []
            data, self._held = bytes(self._held), bytearray()
        at = 0
        if not self._begun:
            if len(data) < len(MAGIC):
                self._held = bytearray(data)
                return []
            if not data.startswith(MAGIC):
                raise _damaged("it does not begin as an archive of a server from 2.15 on")
            at, self._begun = len(MAGIC), True
        unit = Unit(data, [])
        at = self._entries(data, at, unit.entries, batch)
        self._held += data[at:]
        return [unit] if unit.entries else []

    def _entries(self, data: bytes, at: int, entries: list[Entry], batch: Batch) -> int:
        """Take entries from ``at`` on; where the first that is not whole begins."""
        end = len(data)
        while at < end:
            if self.complete:
                raise _damaged("something follows its end")
            head = _head(data, at)
            if head is None:
                self._needed = end - at + 1
                break
            name, time_ns, sequence, headers, payload, body = head
            size = name + headers + payload
            if size > _LARGEST_CONTENT:
                raise _damaged(f"an entry says that it holds {size} bytes")
            if body + size > end:
                self._needed = body + size - at
                break
            if sequence:
                entries.append(Entry(sequence, time_ns, body, name, headers, size))
                self._check_order(sequence, batch)
            elif not name and not size and not time_ns:
                self.complete = True
            else:
                batch.files.append(
                    (
                        data[body : body + name].decode("utf-8", "replace"),
                        data[body + name + headers : body + size],
                        True,
                    )
                )
            at = body + size
        return at

    def _check_order(self, sequence: int, batch: Batch) -> None:
        if sequence <= self._last:
            batch.problems.append(
                Problem(
                    "format", sequence, f"Message {sequence} follows message {self._last}: the archive is out of order."
                )
            )
        self._last = sequence


def digest_unit(unit: Unit, _stream: str, batch: Batch) -> None:
    """Put the digests of a unit's messages into ``batch``."""
    data, pack, sha256 = unit.data, HEAD.pack, hashlib.sha256
    for sequence, time_ns, at, subject, headers, size in unit.entries:
        batch.digests += sha256(pack(sequence, time_ns, subject, headers) + data[at : at + size]).digest()
        batch.sequences.append(sequence)
        batch.sizes.append(size)


def messages_of(unit: Unit) -> t.Iterator[Message]:
    """The messages of a unit."""
    data = unit.data
    for sequence, time_ns, at, subject, headers, size in unit.entries:
        middle = at + subject
        body = middle + headers
        yield Message(sequence, time_ns, data[at:middle], data[middle:body], data[body : at + size])


def _head(data: bytes, at: int) -> tuple[int, int, int, int, int, int] | None:
    """Length of the name, time, sequence, length of the headers and of the data, where the name begins; None when
    ``data`` ends in it.

    The first, fourth and fifth are nearly always one or two bytes, so no function is called for those that are one.
    """
    try:
        name = data[at]
        at += 1
        if name >= 0x80:
            name, at = _varint(data, at - 1)
        zigzag, at = _varint(data, at)
        sequence, at = _varint(data, at)
        headers = data[at]
        at += 1
        if headers >= 0x80:
            headers, at = _varint(data, at - 1)
        payload = data[at]
        at += 1
        if payload >= 0x80:
            payload, at = _varint(data, at - 1)
    except IndexError:
        return None
    return name, zigzag >> 1 ^ -(zigzag & 1), sequence, headers, payload, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned varint and where it ends. Raises IndexError when the data ends in it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        if byte < 0x80:
            return value | byte << shift, at
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise _damaged("a number in it has more than 64 bits")


def uvarint(value: int) -> bytes:
    """An unsigned varint, as Go's encoding/binary writes it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def entry(name: bytes, time_ns: int, sequence: int, headers: bytes, data: bytes) -> bytes:
    """One entry as the server writes it; all empty and zero is the end of the archive."""
    zigzag = time_ns << 1 if time_ns >= 0 else (-time_ns << 1) - 1
    numbers = (len(name), zigzag, sequence, len(headers), len(data))
    return b"".join(map(uvarint, numbers)) + name + headers + data


def _damaged(what: str) -> DamagedError:
    return DamagedError(f"The snapshot archive is damaged: {what}.", hint="Use another repository or another backup.")
