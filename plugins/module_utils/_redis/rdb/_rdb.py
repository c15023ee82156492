# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads an RDB from its first byte to its last: which keys it holds, and their values as they are written there.

Facts: ``src/rdb.h`` and ``src/rdb.c`` of Redis 2.8 to 8.2 and Valkey 7.2 to 9.1, whose numbers of types and opcodes
these are. Memory does not depend on the size of a file: values are passed over, and kept one at a time where they are
asked for.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError

FUNCTION = 245
"""The ``kind`` of an item that is a library of functions, and not a key."""
PLAIN_NODE = 1
"""What stands before a large element of a list that is not packed."""
_SLOT_INFO, _MODULE_AUX, _IDLE, _FREQ, _AUX, _RESIZE, _EXPIRES_MS, _EXPIRES, _SELECT, END = 244, *range(247, 256)
_MOST_BYTES = 512 << 20  # of a key, or of an element (proto-max-bulk-len)
_MOST_FACTS = 100
_MOST_DATABASES = 1 << 20
_LZF = -4
_WIDTHS = {-1: 1, -2: 2, -3: 4}  # strings that are written as an integer


class Kind(t.NamedTuple):
    """How values of one type are written.

    ``layout`` names what stands in them: s a string, l a length, d eight bytes, f a score in letters; behind a star,
    what is repeated as often as a length says. ``packing`` says what is in the strings, if not one element each.
    """

    name: str
    layout: str
    packing: str = ""


KINDS = {
    0: Kind("string", "s"),
    1: Kind("list", "*s"),
    2: Kind("set", "*s"),
    3: Kind("sorted set", "*sf"),
    4: Kind("hash", "*ss"),
    5: Kind("sorted set", "*sd"),
    7: Kind("module", "module"),
    10: Kind("list", "s", "ziplist"),
    11: Kind("set", "s", "intset"),
    12: Kind("sorted set", "s", "ziplist"),
    13: Kind("hash", "s", "ziplist"),
    14: Kind("list", "*s", "ziplist"),
    15: Kind("stream", "stream"),
    16: Kind("hash", "s", "listpack"),
    17: Kind("sorted set", "s", "listpack"),
    18: Kind("list", "*ls", "listpack"),
    19: Kind("stream", "stream"),
    20: Kind("set", "s", "listpack"),
    21: Kind("stream", "stream"),
    22: Kind("hash", "*ssd"),  # Valkey: each field with its expiry
    24: Kind("hash", "d*lss"),  # Redis: the first expiry, and of each field how long after that
    25: Kind("hash", "ds", "listpack"),
    FUNCTION: Kind("function", "s"),
}
"""The types of values by their number."""


class UnknownFormatError(DamagedError):
    """The RDB holds something that this release does not know. It may be whole."""


class Reader:
    """The bytes of an RDB, or of one value, in order. Raises DamagedError where they end too early."""

    def __init__(self, pieces: t.Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = b""
        self._at = 0
        self._kept: list[bytes] | None = None  # what has been passed since ``keep``

    def keep(self) -> None:
        """From here on, keep what is passed."""
        self._kept = []
        self._buffer, self._at = self._buffer[self._at :], 0

    def kept(self) -> bytes:
        """What has been passed since ``keep``."""
        kept = b"".join([*(self._kept or ()), self._buffer[: self._at]])
        self._kept = None
        return kept

    def _next(self) -> None:
        """Go on to the next piece: all of the buffer has been read."""
        if self._kept is not None:
            self._kept.append(self._buffer)
        piece = next(self._pieces, None)
        if piece is None:
            raise DamagedError("The RDB ends before its end: it was cut.")
        self._buffer, self._at = piece, 0

    def byte(self) -> int:
        """One byte."""
        while self._at >= len(self._buffer):
            self._next()
        self._at += 1
        return self._buffer[self._at - 1]

    def take(self, count: int) -> bytes:
        """So many bytes."""
        if count > _MOST_BYTES:
            raise DamagedError(f"The RDB says that a string has {count} bytes, which no server takes.")
        parts = []
        while count > len(self._buffer) - self._at:
            parts.append(self._buffer[self._at :])
            count -= len(parts[-1])
            self._next()
        parts.append(self._buffer[self._at : self._at + count])
        self._at += count
        return b"".join(parts)

    def skip(self, count: int) -> None:
        """Pass so many bytes."""
        while count > len(self._buffer) - self._at:
            count -= len(self._buffer) - self._at
            self._next()
        self._at += count

    def number(self, count: int = 8, *, signed: bool = False) -> int:
        """An integer of so many bytes, the lowest first."""
        return int.from_bytes(self.take(count), "little", signed=signed)

    def length(self) -> int:
        """A length; a negative number says how a string is encoded that has none."""
        first = self.byte()
        if first < 0x40:
            return first
        if first < 0x80:
            return (first & 0x3F) << 8 | self.byte()
        if first in (0x80, 0x81):
            return int.from_bytes(self.take(4 if first == 0x80 else 8), "big")
        if 0xC0 <= first <= 0xC3:
            return 0xBF - first
        raise DamagedError(f"The RDB says a length that is not one (0x{first:02x}).")

    def skip_string(self) -> None:
        """Pass a string."""
        length = self.length()
        if length == _LZF:
            length = self.length()
            self.length()
        if length > _MOST_BYTES:
            raise DamagedError(f"The RDB says that a string has {length} bytes, which no server takes.")
        self.skip(_WIDTHS.get(length, length))

    def string(self) -> bytes:
        """A string, as a client would get it."""
        length = self.length()
        if length >= 0:
            return self.take(length)
        if length == _LZF:
            packed, size = self.length(), self.length()
            return unpack_lzf(self.take(packed), size)
        return b"%d" % self.number(_WIDTHS[length], signed=True)

    def score(self) -> bytes:
        """A number in letters."""
        size = self.byte()
        return {253: b"nan", 254: b"inf", 255: b"-inf"}.get(size) or self.take(size)

    def rows(self, layout: str, steps: t.Mapping[str, t.Callable[[Reader], t.Any]]) -> t.Iterator[list[t.Any]]:
        """What stands once in a value, and then each of its elements."""
        once, _star, repeated = layout.partition("*")
        yield [steps[step](self) for step in once]
        for _element in range(self.length() if repeated else 0):
            yield [steps[step](self) for step in repeated]

    def skip_value(self, number: int) -> None:
        """Pass a value of this type. Raises UnknownFormatError."""
        kind = KINDS.get(number)
        if kind is None:
            raise UnknownFormatError(f"The RDB holds a value of type {number}, which this release does not know.")
        if kind.layout == "s":
            self.skip_string()
        elif kind.name == "module":
            self.skip_module()
        else:
            for _row in (
                self.stream(number, self.skip_string) if kind.name == "stream" else self.rows(kind.layout, _SKIP)
            ):
                pass

    def skip_module(self) -> None:
        """Pass what a module has written."""
        self.length()  # which module
        while opcode := self.length():
            if opcode in (1, 2):
                self.length()
            elif opcode in (3, 4):
                self.skip(4 if opcode == 3 else 8)
            else:
                self.skip_string()

    def stream(self, number: int, string: t.Callable[[], t.Any]) -> t.Iterator[t.Any]:
        """What a stream holds, in order: its entries, its last id, its groups with their consumers and what these have
        not acknowledged. Left out is what only newer servers write, so that the content is the same on all.
        """
        for _node in range(self.length()):
            yield string()
            yield string()
        yield from (self.length(), self.length(), self.length())
        for _number in range(5 if number > 15 else 0):  # the first id, the highest deleted, how many were ever added
            self.length()
        for _group in range(self.length()):
            yield string()
            yield from (self.length(), self.length())
            for _number in range(1 if number > 15 else 0):  # how many entries the group has read
                self.length()
            for _pending in range(self.length()):
                yield self.take(24)
                yield self.length()
            for _consumer in range(self.length()):
                yield string()
                self.skip(16 if number > 19 else 8)  # when it was last seen
                for _pending in range(self.length()):
                    yield self.take(16)


READ: dict[str, t.Callable[[Reader], t.Any]] = {
    "s": Reader.string,
    "l": Reader.length,
    "d": Reader.number,
    "f": Reader.score,
}
_SKIP: dict[str, t.Callable[[Reader], t.Any]] = {**READ, "s": Reader.skip_string}


def unpack_lzf(packed: bytes, size: int) -> bytes:
    """The string that LZF has packed (``src/lzf_d.c``)."""
    out, at = bytearray(), 0
    if size > _MOST_BYTES:
        raise DamagedError(f"The RDB says that a string has {size} bytes, which no server takes.")
    try:
        while at < len(packed) and len(out) <= size:
            control = packed[at]
            at += 1
            if control < 32:
                out += packed[at : at + control + 1]
                at += control + 1
                continue
            count = control >> 5
            if count == 7:
                count += packed[at]
                at += 1
            begin = len(out) - ((control & 0x1F) << 8 | packed[at]) - 1
            at, count = at + 1, count + 2
            if begin < 0:
                break
            chunk = out[begin : begin + count]
            out += (chunk * (count // len(chunk) + 1))[:count]  # it may reach into what it writes
    except IndexError:
        out.clear()
    if len(out) != size:
        raise DamagedError("The RDB holds a compressed string that cannot be opened.")
    return bytes(out)


class Item(t.NamedTuple):
    """A key with its value as the RDB has it, or a library of functions."""

    database: int
    kind: int
    name: bytes
    value: bytes
    expires_ms: int  # since 1970; 0 for never


@dataclasses.dataclass
class Database:
    """How many keys a database holds, how many of them expire, and how many keys the server announced."""

    keys: int = 0
    expires: int = 0
    announced: int = 0


class Walk:
    """One walk over an RDB. What it has counted is whole when ``items`` has ended."""

    def __init__(self, pieces: t.Iterable[bytes]) -> None:
        self._reader = Reader(pieces)
        self.version = 0
        self.facts: dict[str, str] = {}  # redis-ver, ctime, used-mem and more
        self.databases: dict[int, Database] = {}
        self.functions = 0
        self.slots = False  # of a node of a cluster, whose announced numbers are hints

    def items(self, *, keep: bool) -> t.Iterator[Item]:
        """Every key and every library. Without ``keep`` they are counted, and not given."""
        reader, database, number, expires_ms = self._reader, Database(), 0, 0
        self._read_head()
        while (opcode := reader.byte()) != END:
            if opcode == _EXPIRES_MS:
                expires_ms = reader.number()
            elif opcode == _EXPIRES:
                expires_ms = reader.number(4) * 1000
            elif opcode == _SELECT:
                number = reader.length()
                if len(self.databases) >= _MOST_DATABASES:
                    raise DamagedError(f"The RDB holds more than {_MOST_DATABASES} databases.")
                database = self.databases.setdefault(number, Database())
            elif opcode < 128 or opcode == FUNCTION:
                self._count(database, opcode, expires_ms)
                if keep:
                    name = b"" if opcode == FUNCTION else reader.string()
                    yield Item(number, opcode, name, self._value(opcode), expires_ms)
                else:
                    if opcode != FUNCTION:
                        reader.skip_string()
                    reader.skip_value(opcode)
                expires_ms = 0
            else:
                self._read_other(opcode, database)

    def _count(self, database: Database, opcode: int, expires_ms: int) -> None:
        if opcode == FUNCTION:
            self.functions += 1
        else:
            database.keys += 1
            database.expires += expires_ms > 0

    def _value(self, number: int) -> bytes:
        self._reader.keep()
        self._reader.skip_value(number)
        return self._reader.kept()

    def _read_head(self) -> None:
        head = self._reader.take(9)
        digits = head[6:] if head.startswith(b"VALKEY") else head[5:]  # VALKEY080, REDIS0012
        if not head.startswith((b"REDIS", b"VALKEY")) or not digits.isdigit():
            raise DamagedError("These bytes are not an RDB: they do not begin with REDIS or VALKEY and a version.")
        self.version = int(digits)

    def _read_other(self, opcode: int, database: Database) -> None:
        reader = self._reader
        if opcode == _AUX:
            name, value = reader.string(), reader.string()
            if len(self.facts) < _MOST_FACTS:
                self.facts[name.decode("ascii", "replace")[:40]] = value.decode("ascii", "replace")[:80]
        elif opcode == _RESIZE:
            database.announced, _expires = reader.length(), reader.length()
        elif opcode == _SLOT_INFO:
            self.slots = True
            reader.length(), reader.length(), reader.length()
        elif opcode in (_FREQ, _IDLE):
            reader.byte() if opcode == _FREQ else reader.length()
        elif opcode == _MODULE_AUX:
            reader.skip_module()
        else:
            raise UnknownFormatError(f"The RDB holds the opcode {opcode}, which this release does not know.")
