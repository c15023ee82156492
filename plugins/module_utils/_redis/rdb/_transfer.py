# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Takes the RDB of a server through replication, as a replica does and ``redis-cli --rdb``: no file on the server, and
no other right to its data.

The server makes the RDB for this connection and sends it in one of two forms (``src/replication.c``): with its length
before it, or, from memory without a file, with 40 random bytes around it.
"""

from __future__ import annotations

import queue
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._libraries import load_library
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._rdb import END, UnknownFormatError, Walk
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import ServerError

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Connection

_WISHES = (
    ("rdb-only", "1"),  # Redis 7.0: nothing but the RDB, so that the server keeps no changes for us
    ("version", "255.255.255"),  # Valkey 9.0: in its own format, not in that of Redis 7.2, which cannot hold everything
)
_MARK_BYTES = 40
_CHECKSUM_BYTES = 8
_QUEUED_PIECES = 8


class Transfer:
    """The RDB of one server as it passes, checked. What is said of it is whole when ``pieces`` has ended."""

    def __init__(self, connection: Connection, where: str) -> None:
        self._connection = connection
        self._where = where
        self.walk = Walk(iter(()))
        self.counted = True  # False where the RDB holds what this release does not know, so that nobody can count
        self.checksum = 0  # 0 is for none: the server has rdbchecksum no

    def ask(self) -> None:
        """Announce what we are. Nothing is made yet, so check mode may do it. Raises SourceError."""
        self._connection.text("REPLCONF", "capa", "eof")
        for option, value in _WISHES:
            try:
                self._connection.text("REPLCONF", option, value)
            except ServerError as error:
                if "Unrecognized REPLCONF option" not in error.text:
                    raise

    def pieces(self) -> t.Iterator[bytes]:
        """The RDB. Ends only when it is whole; raises SourceError else."""
        counter = _Counter()
        self.walk = counter.walk
        try:
            for piece in self._checked():
                counter.put(piece)
                yield piece
        finally:
            counter.finish()
        counter.check()
        self.counted = not counter.unknown
        self._compare_counts()

    def _checked(self) -> t.Iterator[bytes]:
        """The RDB; its last byte but the checksum has to be the opcode of its end, and the checksum right."""
        crc, running, held, last = crc64(), 0, b"", 0
        for piece in self._sent():
            held += piece
            body, held = held[:-_CHECKSUM_BYTES], held[-_CHECKSUM_BYTES:]
            if body:
                running, last = crc(body, running), body[-1]
                yield body
        self.checksum = int.from_bytes(held, "little")
        if last != END:
            raise SourceError(f"What {self._where} sent does not end as an RDB does.")
        if self.checksum not in (0, running):
            raise SourceError(
                f"The RDB of {self._where} was changed on its way: its checksum is not that of its bytes."
            )
        yield held

    def _sent(self) -> t.Iterator[bytes]:
        """The bytes between the server's announcement and the end that it announced."""
        answer = self._connection.text("PSYNC", "?", "-1")
        if not answer.startswith(b"FULLRESYNC"):
            raise SourceError(f"{self._where} answered PSYNC with {answer[:80]!r}.")
        announced = self._connection.line()
        if announced.startswith(b"$EOF:") and len(announced) == 5 + _MARK_BYTES:
            yield from _until(announced[5:], self._connection.pieces())
        elif announced.startswith(b"$") and announced[1:].isdigit() and len(announced) < 20:
            yield from _first(int(announced[1:]), self._connection.pieces())
        else:
            raise SourceError(f"{self._where} announced no RDB but said {announced[:80]!r}.")

    def _compare_counts(self) -> None:
        """What the server announced for each database is exact, but in a cluster, whose slots may be on the move."""
        for number, database in self.walk.databases.items() if self.counted and not self.walk.slots else ():
            if database.keys != database.announced:
                raise SourceError(
                    f"{self._where} announced {database.announced} keys in database {number} and sent {database.keys}."
                )


def crc64() -> t.Callable[[bytes, int], int]:
    """The checksum of an RDB (``src/crc64.c``)."""
    library = load_library("anycrc", "the checksum of a Redis backup")
    return t.cast(
        "t.Callable[[bytes, int], int]",
        library.CRC(width=64, poly=0xAD93D23594C935A9, init=0, refin=True, refout=True, xorout=0).calc,
    )


def _first(count: int, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
    while count:
        piece = next(pieces, b"")[:count]
        if not piece:
            return  # the end that is missing is noticed by who reads: it has neither its mark nor its checksum
        count -= len(piece)
        yield piece


def _until(mark: bytes, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
    held = b""
    for piece in pieces:
        held += piece
        if held.endswith(mark):
            yield held[:-_MARK_BYTES]
            return
        yield held[:-_MARK_BYTES]
        held = held[-_MARK_BYTES:]


class _Counter:
    """Counts the keys in a thread of its own, while the bytes go their way."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUED_PIECES)
        self._pieces = iter(self._queue.get, None)
        self._error: Exception | None = None
        self.unknown = False
        self.walk = Walk(self._pieces)
        self._thread = threading.Thread(target=self._count, name="count keys", daemon=True)
        self._thread.start()

    def _count(self) -> None:
        try:
            for _item in self.walk.items(keep=False):
                pass
        except UnknownFormatError:
            self.unknown = True
        except Exception as error:  # whatever it is belongs to the thread that gives the pieces
            self._error = error
        for _piece in self._pieces:
            pass

    def put(self, piece: bytes) -> None:
        self.check()
        self._queue.put(piece)

    def finish(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def check(self) -> None:
        if self._error:
            raise SourceError(f"The server sent an RDB that cannot be read: {self._error}")
