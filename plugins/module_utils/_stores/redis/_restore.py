# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Writes the keys of an RDB into a server that runs, one by one.

What ``RESTORE`` takes is what stands in the RDB, with the version of the format and a checksum behind it
(``src/cluster.c``), so no other server has to load the RDB first. What the target has already is read with ``DUMP`` and
compared by content.
"""

from __future__ import annotations

import binascii
import dataclasses
import re
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._rdb import FUNCTION, Item, Reader
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._transfer import crc64
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._values import fingerprint
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import ServerError
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._keeping import refusal_of

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Connection, Server

_BATCH_KEYS, _BATCH_BYTES = 256, 4 << 20
_FOOT_BYTES = 10  # the version and the checksum
_SLOTS = 16384
_SHOWN = 3
_LIBRARY = re.compile(rb"name=([A-Za-z0-9_]+)")


@dataclasses.dataclass
class Counts:
    """What became of the keys and libraries of a backup, or would."""

    missing: int = 0
    same: int = 0
    different: int = 0
    expired: int = 0  # their time is over, so they are left out
    written: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)  # some that are different
    refused: int = 0  # the target takes all others, and not these
    refusals: list[str] = dataclasses.field(default_factory=list)  # the first of them, and why

    def took(self, refusal: str) -> None:
        """Count a key or a library that was written, or that the target does not take: then the words say why."""
        self.written += not refusal
        self.refused += bool(refusal)
        self.refusals = [*self.refusals, *([refusal] if refusal else [])][:_SHOWN]


class Target:
    """A server, or the nodes of a cluster. Use it as a context manager."""

    def __init__(self, servers: t.Mapping[Server, str], deadline: Deadline) -> None:
        self._servers = servers
        self._deadline = deadline
        self._connections: list[Connection] = []
        self._by_slot: list[Connection] = []
        self._database: dict[int, int] = {}

    def __enter__(self) -> Target:
        try:
            for server, slots in self._servers.items():
                connection = server.connect(self._deadline)
                self._connections.append(connection)
                ranges = [tuple(map(int, text.split("-"))) for text in slots.split(",")] if slots else []
                self._by_slot = self._by_slot or [connection] * _SLOTS
                for first, last in ranges:
                    self._by_slot[first : last + 1] = [connection] * (last - first + 1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        for connection in self._connections:
            connection.__exit__()

    @property
    def nodes(self) -> t.Sequence[Connection]:
        """All primaries."""
        return self._connections

    def ask(self, items: t.Sequence[Item], commands: t.Callable[[Item], list[list[t.Any]]]) -> list[list[t.Any]]:
        """The answers to the commands for each of these keys, which are of one database."""
        answers: dict[int, list[t.Any]] = {}
        for connection in self._connections:
            mine = [number for number, item in enumerate(items) if self._of(item.name) is connection]
            if mine:
                self._select(connection, items[0].database)
                asked = [commands(items[number]) for number in mine]
                given = iter(connection.call_many([command for several in asked for command in several]))
                answers.update({n: [next(given) for _command in several] for n, several in zip(mine, asked)})
        return [answers[number] for number in range(len(items))]

    def _of(self, name: bytes) -> Connection:
        """Who holds this key: its slot is a checksum of what is in its braces, if anything is."""
        _before, brace, rest = name.partition(b"{")
        tag, end, _after = rest.partition(b"}")
        return self._by_slot[binascii.crc_hqx(tag if brace and end and tag else name, 0) % _SLOTS]

    def _select(self, connection: Connection, database: int) -> None:
        if self._database.get(id(connection), 0) != database:
            connection.call("SELECT", database)
            self._database[id(connection)] = database


class KeyRestore:
    """Compares the keys of an RDB with those of the target, and writes what is missing."""

    def __init__(self, target: Target, *, replace: bool, deadline: Deadline) -> None:
        self._target = target
        self._replace = replace
        self._deadline = deadline
        self._crc = crc64()

    def run(self, items: t.Iterable[Item], version: t.Callable[[], int], *, write: bool) -> Counts:
        """Look at every key, and write those that are missing, and with ``replace`` those that are different.

        ``version`` is that of the RDB, which is known once the first key is. A key that the target refuses is counted,
        and the others are written. Raises SourceError for what it says of all keys: what was written stays.
        """
        counts, size = Counts(), 0
        batch: list[Item] = []
        for item in items:
            if item.kind == FUNCTION:
                self._library(item, counts, write)
                continue
            if batch and (batch[0].database != item.database or size > _BATCH_BYTES or len(batch) >= _BATCH_KEYS):
                self._keys(batch, version(), counts, write)
                batch, size = [], 0
            batch.append(item)
            size += len(item.value) + len(item.name)
        if batch:
            self._keys(batch, version(), counts, write)
        return counts

    def _keys(self, batch: list[Item], version: int, counts: Counts, write: bool) -> None:
        self._deadline.check("Writing the keys")
        now = time.time() * 1000
        living = [item for item in batch if not 0 < item.expires_ms <= now]
        counts.expired += len(batch) - len(living)
        found = self._target.ask(living, lambda item: [["DUMP", item.name], ["PEXPIRETIME", item.name]])
        missing = [item for item, (dump, _expires) in zip(living, found) if dump is None]
        present = [(item, *answers) for item, answers in zip(living, found) if answers[0] is not None]
        different = [item for item, dump, expires in present if not _is_same(item, dump, expires)]
        counts.missing += len(missing)
        counts.different += len(different)
        counts.same += len(present) - len(different)
        counts.examples += [_name(item) for item in different[: _SHOWN - len(counts.examples)]]
        if write:
            self._write(missing, version, counts, [])
            self._write(different if self._replace else [], version, counts, ["REPLACE"])

    def _write(self, items: list[Item], version: int, counts: Counts, more: list[str]) -> None:
        answers = self._target.ask(
            items, lambda item: [["RESTORE", item.name, item.expires_ms, self._payload(item, version), "ABSTTL", *more]]
        )
        for item, (answer,) in zip(items, answers):
            words = refusal_of(answer, _name(item))
            if isinstance(answer, ServerError) and not words:
                answer.message = f"{_name(item)}: {answer.message} {counts.written} keys have been written before it."
                raise answer
            counts.took(words)

    def _payload(self, item: Item, version: int) -> bytes:
        body = bytes([item.kind]) + item.value + version.to_bytes(2, "little")
        return body + self._crc(body, 0).to_bytes(8, "little")

    def _library(self, item: Item, counts: Counts, write: bool) -> None:
        """A library of functions, on every primary."""
        code = Reader([item.value]).string()
        name = (_LIBRARY.search(code.partition(b"\n")[0]) or [b"", b""])[1]
        for connection in self._target.nodes:
            found = connection.call("FUNCTION", "LIST", "LIBRARYNAME", name, "WITHCODE")
            present, same = bool(found), bool(found) and code in found[0]
            counts.same += same
            counts.missing += not present
            counts.different += present and not same
            if present and not same:
                counts.examples += [f"the library {name.decode('ascii')}"][: _SHOWN - len(counts.examples)]
            if write and (not present or (self._replace and not same)):
                (answer,) = connection.call_many([["FUNCTION", "LOAD", *(["REPLACE"] if present else []), code]])
                words = refusal_of(answer, f"the library {name.decode('ascii')}", library=True)
                if isinstance(answer, ServerError) and not words:
                    raise answer
                counts.took(words)


def _is_same(item: Item, dump: t.Any, expires: t.Any) -> bool:
    """Whether the target's key has this content. A server before 7.0 does not say when a key expires."""
    if isinstance(dump, ServerError):
        raise dump
    if not isinstance(dump, bytes) or len(dump) <= _FOOT_BYTES:
        raise SourceError(f"The target answered DUMP of {_name(item)} in a way that cannot be read.")
    if not isinstance(expires, int):
        expires = item.expires_ms or -1
    theirs = item._replace(kind=dump[0], value=dump[1:-_FOOT_BYTES], expires_ms=max(0, expires))
    return fingerprint(theirs) == fingerprint(item)


def _name(item: Item) -> str:
    return f"the key {item.name.decode('utf-8', 'backslashreplace')[:80]} of database {item.database}"
