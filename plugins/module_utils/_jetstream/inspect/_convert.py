# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Gives the messages of an archive, and writes them as a v2 archive: for a restore under another name, or of some
subjects only.

Facts about what a server takes: server/stream_backup.go, RestoreStreamV2, 2.15.
"""

from __future__ import annotations

import datetime
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._archive_v2 import MAGIC, entry
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2 import decode, encode
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._stretches import (
    ArchiveReader,
    messages_of,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import (
    ArchivedConsumer,
    ArchiveFacts,
    Batch,
    Message,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Digests

OpenPieces = t.Callable[[], t.Iterator[bytes]]
SubjectFilter = t.Callable[[bytes], bool]
_FATAL = ("crc", "truncated", "format", "errors_txt", "record_hash")
_RECORD_BYTES = 30  # what the server's own store needs beside subject and data; 4 more with headers
_NO_TIME = "0001-01-01T00:00:00Z"  # how Go writes no time


def read_messages(open_pieces: OpenPieces, stream: str) -> t.Iterator[Message]:
    """The live messages, ascending.

    Reads the archive twice: nothing comes out of one that is damaged. Raises DamagedError.
    """
    facts, digests = inspect(open_pieces(), stream)
    try:
        refuse_damage(facts, stream)
        yield from _live_messages(open_pieces, stream, digests)
    finally:
        digests.close()


def all_messages(pieces: t.Iterable[bytes], stream: str) -> t.Iterator[Message]:
    """Each message as it stands in the archive, also what was deleted later. Raises DamagedError."""
    reader = ArchiveReader(stream)
    for plain in decode(pieces):
        for unit in reader.scan(plain, Batch()):
            yield from messages_of(unit)


def to_v2(open_pieces: OpenPieces, stream: str, *, subjects: SubjectFilter | None = None) -> t.Iterator[bytes]:
    """The same stream as an archive that servers from 2.15 restore under any name.

    Sequences and times stay. ``subjects`` says which messages to keep; the others become gaps. Reads the archive twice,
    three times with
    ``subjects``. Raises DamagedError before the first byte when the archive is damaged.
    """
    facts, digests = inspect(open_pieces(), stream)
    try:
        refuse_damage(facts, stream)
        state = _state(facts, _live_messages(open_pieces, stream, digests), subjects)
        yield from encode(_entries(state, facts, _live_messages(open_pieces, stream, digests), subjects))
    finally:
        digests.close()


def refuse_damage(facts: ArchiveFacts, stream: str) -> None:
    """Raises DamagedError when not every message of the archive can be trusted."""
    found = next((problem for problem in facts.problems if problem.kind in _FATAL), None)
    if found is not None:
        hint = "Use another repository or another backup; an inspection names all that is damaged."
        details = {"kind": found.kind, "sequence": found.sequence}
        raise DamagedError(f"The snapshot of {stream} is damaged: {found.message}", hint=hint, details=details)


def _live_messages(open_pieces: OpenPieces, stream: str, digests: Digests) -> t.Iterator[Message]:
    """The messages whose sequences are in ``digests``, each once."""
    live = (sequence for sequence, _digest in digests)
    wanted = next(live, None)
    pieces = open_pieces()
    reader = ArchiveReader(stream)
    try:
        for plain in decode(pieces):
            for unit in reader.scan(plain, Batch()):
                for message in messages_of(unit):
                    if message.sequence == wanted:
                        yield message
                        wanted = next(live, None)
    finally:
        close(pieces)
    if wanted is not None:
        raise DamagedError(
            f"The snapshot of {stream} has message {wanted} out of order, or it was changed between two readings."
        )


def _state(facts: ArchiveFacts, messages: t.Iterator[Message], subjects: SubjectFilter | None) -> dict[str, t.Any]:
    """state.json: what the restoring server sets its counters from."""
    last_sequence = max(int(facts.state.get("last_seq", 0)), facts.last_sequence)
    count = size = 0
    first: Message | None = None
    last: Message | None = None
    for message in messages:
        if subjects is None or subjects(message.subject):
            count += 1
            size += _RECORD_BYTES + sum(map(len, message[2:])) + (4 if message.headers else 0)
            first = first or message
            last = message
    return {
        "messages": count,
        "bytes": size,
        "first_seq": first.sequence if first else last_sequence + 1 if last_sequence else 0,
        "first_ts": _go_time(first),
        "last_seq": last_sequence,
        "last_ts": _go_time(last),
        "consumer_count": len(facts.consumers),
    }


def _go_time(message: Message | None) -> str:
    if message is None:
        return _NO_TIME
    seconds, nanoseconds = divmod(message.time_ns, 10**9)
    whole = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return f"{whole.isoformat()}.{nanoseconds:09}Z"


def _entries(
    state: dict[str, t.Any], facts: ArchiveFacts, messages: t.Iterator[Message], subjects: SubjectFilter | None
) -> t.Iterator[bytes]:
    yield MAGIC + entry(b"state.json", 0, 0, b"", json.dumps(state).encode())
    for consumer in facts.consumers:
        yield entry(f"consumers/{consumer.name}".encode(), 0, 0, b"", json.dumps(_consumer(consumer)).encode())
    for sequence, time_ns, subject, headers, data in messages:
        if subjects is None or subjects(subject):
            yield entry(subject, time_ns, sequence, headers, data)
    yield entry(b"", 0, 0, b"", b"")


def _consumer(consumer: ArchivedConsumer) -> dict[str, t.Any]:
    config = {key: value for key, value in consumer.config.items() if key != "Created"}
    return {"config": {**config, "name": consumer.name}, "state": consumer.state}
