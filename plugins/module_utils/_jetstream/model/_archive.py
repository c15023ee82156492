# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The words that all readers of JetStream archives share: a message, its digest, a problem, what an archive holds."""

from __future__ import annotations

import array
import dataclasses
import hashlib
import struct
import typing as t

HEAD = struct.Struct("<QqII")  # sequence, time, bytes of the subject, bytes of the headers
LENGTHS = struct.Struct("<II")  # the second half of HEAD: a v1 record already has the first half in this form


class Message(t.NamedTuple):
    """One message of a stream, byte for byte."""

    sequence: int
    time_ns: int  # since 1970, UTC
    subject: bytes
    headers: bytes  # raw, from "NATS/1.0\r\n" to the empty line; b"" when there are none
    data: bytes


def message_digest(message: Message) -> bytes:
    """SHA-256 over sequence, time, the lengths of subject and headers, subject, headers and data. 32 bytes."""
    head = HEAD.pack(message.sequence, message.time_ns, len(message.subject), len(message.headers))
    return hashlib.sha256(head + message.subject + message.headers + message.data).digest()


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something in an archive that is not as its writer meant it.

    Kinds: ``crc`` (bytes changed after the server sent them), ``truncated``, ``format`` (no archive, or a broken one),
    ``errors_txt`` (the server says in it that the snapshot failed), ``record_hash`` (damaged in the server's own
    store), ``missing`` and ``count`` (messages that the server counts and did not send), ``meta`` (a description or a
    consumer that does not match its checksum).
    """

    kind: str
    sequence: int | None  # of the message, or the first that could not be read any more
    message: str


@dataclasses.dataclass(frozen=True)
class ArchivedConsumer:
    """A consumer in an archive. ``delivered`` and ``ack_floor``: ``{"consumer_seq": int, "stream_seq": int}``."""

    name: str
    config: dict[str, t.Any]  # as the server wrote it
    delivered: dict[str, int]
    ack_floor: dict[str, int]
    pending: int  # delivered, not acknowledged
    state: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # all of it, as v2 archives write it


@dataclasses.dataclass(frozen=True)
class ArchiveFacts:
    """What an archive holds, read from its content alone."""

    format: str  # "v1": the file store, servers up to 2.14; "v2": messages, servers from 2.15; "": no archive at all
    messages: int  # live ones
    bytes: int  # subject, headers and data of the live messages
    first_sequence: int  # 0 when there is no message
    last_sequence: int  # 0 when there is no message
    fingerprint: str  # SHA-256, hex
    consumers: tuple[ArchivedConsumer, ...]
    state: dict[str, t.Any]  # v2: state.json; v1: what index.db says, as far as it is the same; else {}
    problems: tuple[Problem, ...]
    hash_engine: str  # "highwayhash", "numpy", "python"; "none" for v2, whose messages have no hash of their own
    plain_bytes: int  # of the archive, decompressed
    deletes_known: bool = (
        True  # False: v1 whose index.db does not fit its blocks, so limits on the server may take more away
    )
    config: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # v1: the stream's configuration, from meta.inf
    unchecked: tuple[str, ...] = ()  # what could not be looked at on this host, in words; it is no damage


class Batch:
    """What one stretch of an archive told: made by a worker, merged in order by who asked."""

    def __init__(self) -> None:
        self.sequences = array.array("Q")
        self.digests = bytearray()  # 32 bytes for each
        self.sizes = array.array("I")  # subject, headers and data
        self.deleted: list[int] = []  # sequences that tombstones take away
        self.spans: list[tuple[int, int, int]] = []  # block, first and last sequence that its records here name
        self.blocks: list[tuple[int, bytes]] = []  # block, its last 8 bytes: every block that ended here
        self.files: list[tuple[str, bytes, bool]] = []  # name, content, whether it is the last of it
        self.problems: list[Problem] = []
        self.plain_bytes = 0
        self.format = ""
        self.complete = False  # the end of the archive has been seen
