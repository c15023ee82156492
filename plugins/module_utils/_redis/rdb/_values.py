# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a value of an RDB holds, however it is written there: the same content gives the same fingerprint.

A server writes a small hash as one packed string and a large one field by field, in an order of its own, and changes
from one to the other while it loads. So fields and members are sorted here, and numbers are written in one way. Pure.
"""

from __future__ import annotations

import hashlib
import struct
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._rdb import (
    KINDS,
    PLAIN_NODE,
    READ,
    Item,
    Kind,
    Reader,
)

_LISTPACK_INTEGERS = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}
_ZIPLIST_INTEGERS = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}
_COLUMNS = {"list": 1, "set": 1, "sorted set": 2, "hash": 2}


def fingerprint(item: Item) -> bytes:
    """16 bytes that stand for a key: its database, name, expiry, type and value. Raises DamagedError."""
    kind = KINDS.get(item.kind) or Kind(f"type {item.kind}", "module")
    head = [b"%d" % item.database, item.name, b"%d" % item.expires_ms, kind.name.encode("ascii")]
    try:
        elements = [_framed(element) for element in _elements(item, kind)]
    except (IndexError, ValueError, struct.error):
        raise DamagedError(f"The value of {item.name[:80]!r} in the RDB cannot be read.") from None
    if kind.name in ("set", "sorted set", "hash"):
        elements.sort()
    return hashlib.blake2b(b"".join([_framed(head), *elements]), digest_size=16).digest()


def _framed(parts: t.Iterable[bytes]) -> bytes:
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


def _elements(item: Item, kind: Kind) -> t.Iterator[t.Sequence[bytes]]:
    """The elements of a value, each in its own parts."""
    reader = Reader([item.value])
    if kind.layout == "module":
        yield [item.value]
    elif kind.name == "stream":
        for token in reader.stream(item.kind, reader.string):
            yield [token if isinstance(token, bytes) else b"%d" % token]
    elif kind.packing:
        entries = list(_unpacked(reader, kind))
        columns = 3 if item.kind == 25 else _COLUMNS[kind.name]
        for at in range(0, len(entries), columns):
            yield _same_on_all(kind, entries[at : at + columns])
    else:
        once, *rows = reader.rows(kind.layout, READ)
        for row in rows or [once]:
            if item.kind == 24:
                after, field, value = row
                row = [field, value, once[0] + after - 1 if after else 0]
            elif item.kind == 22:
                row[2] = 0 if row[2] == (1 << 64) - 1 else row[2]  # -1 is for never
            elif item.kind == 5:
                row[1] = struct.unpack("<d", row[1].to_bytes(8, "little"))[0]
            yield _same_on_all(kind, row)


def _same_on_all(kind: Kind, row: t.Sequence[t.Any]) -> list[bytes]:
    """One way of writing a score, and an expiry for every field of a hash, whoever has written them."""
    if kind.name == "sorted set":
        return [row[0], repr(float(row[1]) + 0.0).encode("ascii")]
    if kind.name == "hash":
        return [row[0], row[1], b"%d" % int(row[2] if len(row) > 2 else 0)]
    return list(row)


def _unpacked(reader: Reader, kind: Kind) -> t.Iterator[bytes]:
    unpack = {"listpack": _listpack, "ziplist": _ziplist, "intset": _intset}[kind.packing]
    for row in reader.rows(kind.layout, READ):
        if row and row[0] == PLAIN_NODE and len(row) == 2:
            yield row[1]
        elif row:
            yield from unpack(row[-1])


def _intset(packed: bytes) -> t.Iterator[bytes]:
    width = int.from_bytes(packed[:4], "little")
    for at in range(8, len(packed), width):
        yield b"%d" % int.from_bytes(packed[at : at + width], "little", signed=True)


def _listpack(packed: bytes) -> t.Iterator[bytes]:
    """The entries of a listpack (``src/listpack.c``)."""
    at = 6
    while (first := packed[at]) != 0xFF:
        begin, size = at + 1, 0
        if first < 0x80:
            entry = b"%d" % first
        elif 0xC0 <= first < 0xE0:
            number = (first & 0x1F) << 8 | packed[begin]
            entry, size = b"%d" % (number - 0x2000 if number >= 0x1000 else number), 1
        elif first in _LISTPACK_INTEGERS:
            size = _LISTPACK_INTEGERS[first]
            entry = b"%d" % int.from_bytes(packed[begin : begin + size], "little", signed=True)
        else:
            if first < 0xC0:
                size = first & 0x3F
            elif first < 0xF0:
                size, begin = (first & 0x0F) << 8 | packed[begin], begin + 1
            else:
                size, begin = int.from_bytes(packed[begin : begin + 4], "little"), begin + 4
            entry = packed[begin : begin + size]
        yield entry
        size += begin - at
        at += size + sum(size >= limit for limit in (0, 128, 16384, 2097152, 268435456))  # its length, for going back


def _ziplist(packed: bytes) -> t.Iterator[bytes]:
    """The entries of a ziplist (``src/ziplist.c``), which servers before 7.0 write."""
    at = 10
    while packed[at] != 0xFF:
        at += 5 if packed[at] == 0xFE else 1  # the length of the entry before
        first = packed[at]
        at += 1
        if first >= 0xF1 and first != 0xFE:
            yield b"%d" % (first - 0xF1)
            continue
        if first in _ZIPLIST_INTEGERS:
            size = _ZIPLIST_INTEGERS[first]
            yield b"%d" % int.from_bytes(packed[at : at + size], "little", signed=True)
        else:
            if first < 0x40:
                size = first
            elif first < 0x80:
                size, at = (first & 0x3F) << 8 | packed[at], at + 1
            else:
                size, at = int.from_bytes(packed[at : at + 4], "big"), at + 4
            yield packed[at : at + size]
        at += size
