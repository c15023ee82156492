# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a JetStream backup holds: the ``content`` of its manifest, and what a restored stream is compared with."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain

STREAMS_FOLDER = "streams"
CONFIG = "config"
"""The artifact content of a stream's ``backup.json``: the server's configuration and state, as the ``nats`` command
line reads it.
"""
ARCHIVE = "archive"
"""The artifact content of a stream's ``stream.tar.s2``: what the server sent, byte for byte."""
CONFIG_FILE = "backup.json"
ARCHIVE_FILE = "stream.tar.s2"


@dataclasses.dataclass(frozen=True)
class Consumer:
    """One consumer as the server listed it before the snapshot.

    ``archived`` is None where nobody looked into the archive for it.
    """

    name: str
    config: dict[str, t.Any]  # the server's own words
    delivered: dict[str, t.Any]  # consumer_seq, stream_seq
    ack_floor: dict[str, t.Any]  # consumer_seq, stream_seq
    pending: int = 0  # messages that it has not delivered yet
    ack_pending: int = 0  # messages that were delivered and not acknowledged
    archived: bool | None = None

    @property
    def durable(self) -> bool:
        """It outlives its client.

        One that does not is its client's to make again, and no part of what a backup promises.
        """
        return bool(self.config.get("durable_name"))


@dataclasses.dataclass(frozen=True)
class Stream:
    """One stream and its archive.

    The numbers and the fingerprint are of the archive, read as it passed. The states are the server's: ``state`` is the
    one that came with the snapshot, and stands in ``backup.json``; under live publishing the archive may hold more, or
    other bounds.
    """

    name: str
    kind: str  # stream, kv, object_store
    bucket: str  # of a key-value or object store, else empty
    folder: str  # relative to the backup's folder: streams/ORDERS
    method: str  # snapshot; export where the server cannot make one
    format: str  # v1 (a tar of the server's files), v2 (one entry for each message)
    created: str
    config: dict[str, t.Any]
    state_before: dict[str, t.Any]
    state: dict[str, t.Any]
    state_after: dict[str, t.Any]
    messages: int
    bytes: int  # subjects, headers and data
    first_sequence: int
    last_sequence: int
    fingerprint: str  # SHA-256 over the digests of the messages, by sequence
    hash_engine: str  # what checked the records' own hashes; none where the format has none
    unpacked_bytes: int  # the archive without the server's compression: the room that a restore takes
    consumers: tuple[Consumer, ...] = ()
    archived_consumers: tuple[str, ...] = ()
    leader: str = ""
    chunks: int = 0
    status: str = ""  # how the server ended the transfer
    seconds: float = 0.0

    @property
    def missing_consumers(self) -> tuple[str, ...]:
        """The durable consumers that the archive lacks, so that a restore has to make them."""
        return tuple(consumer.name for consumer in self.consumers if consumer.durable and consumer.archived is False)


@dataclasses.dataclass(frozen=True)
class JetStreamContent:
    """The ``content`` of a manifest whose engine is ``jetstream``: streams of one account, each at a point in time of
    its own.
    """

    server_version: str
    cluster: bool
    connected_to: str
    domain: str
    account: dict[str, t.Any]  # what was used and what is allowed
    consumers: str  # require, rebuild, ignore
    streams: tuple[Stream, ...]
    filters: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)  # streams of a folder that are broken, and why
    allow_empty: bool = False  # that there is no stream was said to be right

    @property
    def messages(self) -> int:
        """Messages of all streams."""
        return sum(stream.messages for stream in self.streams)

    def stream(self, name: str) -> Stream | None:
        """The stream of this name."""
        return next((stream for stream in self.streams if stream.name == name), None)


def stream_folder(name: str) -> str:
    """Where a stream is in its backup. Stream names hold no dots, slashes and spaces, so each is the name of a folder.

    The longest have 255 bytes, and a folder of a repository has room for less: those get a hash at their end.
    """
    encoded = name.encode()
    if len(encoded) > _LONGEST_FOLDER_BYTES:
        import hashlib

        beginning = encoded[: _LONGEST_FOLDER_BYTES - 17].decode(errors="ignore")
        name = f"{beginning}-{hashlib.sha256(encoded).hexdigest()[:16]}"
    return f"{STREAMS_FOLDER}/{name}"


_LONGEST_FOLDER_BYTES = 240


_NUMBERS = ("max_age", "max_msgs", "max_bytes", "max_msgs_per_subject", "num_replicas", "first_seq")
_STATE_NUMBERS = ("messages", "bytes", "first_seq", "last_seq")
_NOT_IN_A_NAME = frozenset(" .*>/\\")


def content_of(plain: t.Any, place: str) -> JetStreamContent:
    """The content of a manifest, whose parts are of the kinds that a server writes.

    A manifest may come from anybody who can write to a repository. Raises DamagedError.
    """
    try:
        content = from_plain(JetStreamContent, plain, place)
        for stream in content.streams:
            _check_stream(stream)
    except (RecordError, TypeError, ValueError) as error:
        raise DamagedError(
            f"What {place} says about its streams is damaged: {error}.",
            hint="Use this backup's copy in another repository.",
        ) from None
    return content


def _check_stream(stream: Stream) -> None:
    """Raises RecordError for what no server would have said."""
    for state in (stream.state_before, stream.state, stream.state_after):
        check_described(stream.name, stream.config, state)
    for consumer in stream.consumers:
        _check_name(consumer.name)
        for position in (consumer.delivered, consumer.ack_floor):
            _check_numbers(position, ("consumer_seq", "stream_seq"), f"a consumer of the stream {stream.name!r}")


def check_described(name: str, config: t.Mapping[str, t.Any], state: t.Mapping[str, t.Any]) -> None:
    """Raises RecordError for a description of a stream that no server would have given."""
    _check_name(name)
    where = f"the stream {name!r}"
    _check_numbers(state, _STATE_NUMBERS, f"the state of {where}")
    _check_numbers(config, _NUMBERS, f"the configuration of {where}")
    for key, kind in (("subjects", list), ("sources", list), ("mirror", dict), ("metadata", dict)):
        if not isinstance(config.get(key), (kind, type(None))):
            raise RecordError(f"{key} in the configuration of {where} is {config[key]!r}")
    for origin in config.get("sources") or ():
        if not isinstance(origin, dict):
            raise RecordError(f"sources in the configuration of {where} holds {origin!r}")


def _check_name(name: str) -> None:
    if not name or not name.isprintable() or _NOT_IN_A_NAME & set(name):
        raise RecordError(f"{name!r} cannot be the name of a stream or a consumer")


def _check_numbers(values: t.Mapping[str, t.Any], keys: t.Iterable[str], where: str) -> None:
    for key in keys:
        value = values.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise RecordError(f"{key} in {where} is {value!r}, which is not a whole number")


def config_in(content: bytes, name: str) -> dict[str, t.Any]:
    """The configuration in a stream's ``backup.json``. Raises DamagedError."""
    try:
        return dict(read_json(content)["config"])
    except (ValueError, KeyError, TypeError):
        raise DamagedError(f"The configuration of the stream {name} is not JSON with a config in it.") from None
