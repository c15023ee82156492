# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Compares what came back from a scratch place with the archives: messages, consumers, keys, objects. Pure."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds, plural
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import moment
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Item, Outcome, Part

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import (
        ArchivedConsumer,
        ArchiveFacts,
        Message,
    )
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Difference, Digests

ALGORITHM = "SHA-256 of every message: sequence, time, subject, headers, data"
_MOST_KEYS = 200_000
# What a server adds or changes by itself, and what no single server can give.
_CONSUMER_KEYS_LEFT_OUT = ("metadata", "num_replicas", "name", "mem_storage")
_DELETED = (b"KV-Operation: DEL", b"KV-Operation: PURGE", b"Nats-Marker-Reason:")
_LIMITS = ("max_age", "max_msgs", "max_bytes", "max_msgs_per_subject")


# --- messages ---


def counted(
    stream: Stream, facts: ArchiveFacts, state: t.Mapping[str, t.Any], gone: t.Callable[[], t.Iterable[int]] = tuple
) -> tuple[Item, Part]:
    """By numbers alone: how many, the first and the last sequence. ``gone``: as of ``compared``."""
    messages, first, last = (int(state.get(key) or 0) for key in ("messages", "first_seq", "last_seq"))
    words = ""
    status: Outcome = "passed"
    if messages > facts.messages and 0 < first < facts.first_sequence and may_hold_more(stream):
        words, status = _dropped(stream, messages - facts.messages), "skipped"
    elif messages < facts.messages and stream.config.get("allow_msg_ttl"):
        outlived = sum(1 for _sequence in gone())
        words, status = (
            f"{_number(messages - facts.messages)}, of {outlived} that had outlived their own time",
            "skipped",
        )
        if messages < facts.messages - outlived:
            words, status = f"{words}: the others are lost", "failed"
    elif messages != facts.messages:
        words, status = _number(messages - facts.messages), "failed"
    elif messages and (first != facts.first_sequence or last < facts.last_sequence):
        words = f"the sequences are {first} to {last}, and were {facts.first_sequence} to {facts.last_sequence}"
        status = "failed"
    item = Item(stream.name, status, facts.messages, messages, words)
    return item, Part(stream.name, status, facts.messages, messages, stream.bytes, algorithm="message count")


def unless_nothing(check: Check, streams: t.Iterable[Stream]) -> Check:
    """The check, which has not passed where there was no message to compare."""
    if check.status != "passed" or any(stream.messages for stream in streams):
        return check
    return dataclasses.replace(check, status="skipped", message="nothing was compared: the streams hold no message")


def compared(
    stream: Stream, ours: Digests, theirs: Digests, deletes_known: bool, gone: t.Callable[[], t.Iterable[int]] = tuple
) -> tuple[Item, Part]:
    """By every message: what the archive holds (``ours``), and what was read back (``theirs``).

    ``gone`` gives the sequences that have outlived their own time to live: servers from 2.15 drop them in a restore.

    Only where a limit dropped messages while an archive of version 1 was made, what came back may differ from it, and
    in one direction: messages that were dropped meanwhile may still be there. Those before the first one are taken out,
    and the rest has to be equal.
    """
    difference = ours.difference(theirs)
    words = difference_words(difference)
    status: Outcome = "failed" if difference else "passed"
    if difference.extra and not difference.missing and not difference.changed and may_hold_more(stream):
        theirs.discard_range(0, ours.first - 1)
        equal = not ours.difference(theirs)
        if equal or not deletes_known:
            words, status = _dropped(stream, difference.extra), "passed" if equal else "skipped"
    if difference.missing and not difference.extra and not difference.changed and stream.config.get("allow_msg_ttl"):
        for sequence in gone():
            ours.discard(sequence)
            theirs.discard(sequence)
        if not ours.difference(theirs):
            words, status = f"{plural(difference.missing, 'message')} had outlived their own time to live", "passed"
    item = Item(stream.name, status, len(ours), len(theirs), words)
    fingerprints = ours.fingerprint(), theirs.fingerprint()
    return item, Part(stream.name, status, len(ours), len(theirs), stream.bytes, *fingerprints, ALGORITHM)


def may_hold_more(stream: Stream) -> bool:
    """Whether the archive may hold messages that the stream's limits were dropping while it was made: the server copies
    file by file.
    """
    return stream.format == "v1" and bool(limits_of(stream))


def _dropped(stream: Stream, count: int) -> str:
    limit = limits_of(stream)[0]
    return (
        f"{count:,} more came back: its {limit} was dropping them while the archive was made, and drops them again in "
        "a restore with limits"
    )


def difference_words(difference: Difference) -> str:
    """``2 messages are missing (sequences 7 and 9)``; empty where there is no difference."""
    kinds = (
        (difference.missing, difference.missing_sequences, "missing"),
        (difference.extra, difference.extra_sequences, "too many"),
        (difference.changed, difference.changed_sequences, "changed"),
    )
    return "; ".join(
        f"{plural(count, 'message')} {word} ({_sequences(named, count)})" for count, named, word in kinds if count
    )


def _sequences(named: t.Sequence[int], count: int) -> str:
    shown = ", ".join(str(sequence) for sequence in named[:10])
    return f"{'sequence' if count == 1 else 'sequences'} {shown}{' and more' if count > min(len(named), 10) else ''}"


def _number(difference: int) -> str:
    return (
        f"{plural(difference, 'message')} too many" if difference > 0 else f"{plural(-difference, 'message')} missing"
    )


def limits_of(stream: Stream) -> list[str]:
    """The limits that make a server drop messages of this stream."""
    return [limit for limit in _LIMITS if int(stream.config.get(limit) or 0) > 0]


def oldest_of(stream: Stream) -> datetime.datetime | None:
    """When the stream's oldest message was published, as the server said at the snapshot."""
    return moment(str(stream.state.get("first_ts") or "")) if stream.messages else None


def limits_item(
    stream: Stream, left_out: t.Sequence[str], oldest: datetime.datetime | None, now: datetime.datetime
) -> Item | None:
    """What the scratch copy went without, and what the stream's own age limit would drop in a restore now."""
    if not left_out:
        return None
    words = f"compared without {', '.join(left_out)}"
    age = int(stream.config.get("max_age") or 0) / 1e9
    if age and oldest and (now - oldest).total_seconds() > age:
        words += (
            f"; its max_age is {format_seconds(age)}, and its oldest message is older: say limits: lift to restore it "
            "whole"
        )
    return Item(stream.name, "skipped", None, None, words)


# --- consumers ---


def consumer_item(
    stream: str, archived: ArchivedConsumer, restored: t.Mapping[str, t.Any] | None, first_sequence: int
) -> Item:
    """Whether a consumer of the archive came back with its configuration, and stands where it stood."""
    name, expected = f"{stream}: {archived.name}", int(archived.ack_floor.get("stream_seq") or 0)
    if restored is None:
        if not archived.config.get("durable_name") or archived.config.get("inactive_threshold"):
            return Item(name, "skipped", expected, None, "not durable: it goes when its client is gone")
        return Item(name, "failed", expected, None, "the consumer is not there")
    floor = int((restored.get("ack_floor") or {}).get("stream_seq") or 0)
    config = restored.get("config") or {}
    # Archives of version 1 hold more than the configuration, under names that begin with a capital.
    own = {
        key: value
        for key, value in archived.config.items()
        if value and key[:1].islower() and key not in _CONSUMER_KEYS_LEFT_OUT
    }
    other = [key for key, value in own.items() if config.get(key) != value]
    words = []
    if other:
        words.append(f"its {', '.join(sorted(other))} came back different")
    # A floor below the first message means the same as one right below it.
    if floor != expected and max(floor, expected) >= first_sequence:
        words.append("it stands elsewhere")
    return Item(name, "failed" if words else "passed", expected, floor, "; ".join(words))


# --- key-value stores ---


@dataclasses.dataclass
class Keys:
    """The keys of one bucket, collected message by message."""

    bucket: str
    last: dict[bytes, int] = dataclasses.field(default_factory=dict)  # subject → sequence of its newest revision
    revisions: int = 0
    deepest: int = 0
    too_many: bool = False
    _counts: dict[bytes, int] = dataclasses.field(default_factory=dict)

    def look(self, message: Message) -> None:
        """Take a message in; they come in ascending sequence."""
        if self.too_many:
            return
        self.revisions += 1
        self.last[message.subject] = message.sequence
        count = self._counts[message.subject] = self._counts.get(message.subject, 0) + 1
        self.deepest = max(self.deepest, count)
        if len(self.last) > _MOST_KEYS:
            self.too_many = True
            self.last, self._counts = {}, {}

    def item(self, newest: t.Mapping[bytes, int], history: int) -> Item:
        """Compare with what the server gives as the newest revision of each key, which is what clients of the bucket
        ask for.
        """
        if self.too_many:
            return Item(
                self.bucket, "skipped", None, None, f"more than {_MOST_KEYS} keys: they were compared as messages only"
            )
        wrong = sorted(
            subject for subject in self.last.keys() | newest.keys() if self.last.get(subject) != newest.get(subject)
        )
        if wrong:
            words = f"the newest value of {len(wrong)} keys is not the one of the backup: {key_of(wrong[0])}"
            return Item(self.bucket, "failed", len(self.last), len(newest), words)
        words = f"{plural(self.revisions, 'revision')} of {plural(len(self.last), 'key')}"
        if 0 < history < self.deepest:
            return Item(
                self.bucket,
                "skipped",
                None,
                None,
                f"{words}; one key has {self.deepest}, and its history keeps {history}",
            )
        return Item(self.bucket, "passed", len(self.last), len(newest), words)


def key_of(subject: bytes) -> str:
    """``$KV.<bucket>.<key>`` → key."""
    return subject.decode("utf-8", "replace").split(".", 2)[-1]


def is_deleted(headers: bytes) -> bool:
    """Whether this revision of a key says that the key is gone (ADR-8: ``KV-Operation``, or a marker that the server
    has set).
    """
    return any(word in headers for word in _DELETED)


# --- object stores ---


@dataclasses.dataclass
class _Chunks:
    digest: t.Any = dataclasses.field(default_factory=hashlib.sha256)
    bytes: int = 0
    count: int = 0


@dataclasses.dataclass
class Objects:
    """The objects of one bucket (ADR-20): chunks on ``$O.<bucket>.C.<nuid>``, their description on
    ``$O.<bucket>.M.<name>``.
    """

    bucket: str
    _chunks: dict[bytes, _Chunks] = dataclasses.field(default_factory=dict)
    _described: dict[bytes, bytes] = dataclasses.field(default_factory=dict)

    def look(self, message: Message) -> None:
        """Take a message in; they come in ascending sequence."""
        parts = message.subject.split(b".", 3)
        if len(parts) < 4:
            return
        if parts[2] == b"C":
            chunks = self._chunks.setdefault(parts[3], _Chunks())
            chunks.digest.update(message.data)
            chunks.bytes += len(message.data)
            chunks.count += 1
        elif parts[2] == b"M":
            self._described[message.subject] = message.data

    def items(self) -> list[Item]:
        """One for each object that is not deleted: its bytes have the SHA-256, the size and the number of chunks of its
        description.
        """
        items, used = [], set()
        for subject, data in self._described.items():
            try:
                about = read_json(data)
                nuid = str(about.get("nuid") or "").encode()
            except (ValueError, AttributeError):
                items.append(
                    Item(
                        f"{self.bucket}: {subject.decode('utf-8', 'replace')}",
                        "failed",
                        None,
                        None,
                        "its description is no JSON",
                    )
                )
                continue
            used.add(nuid)
            if about.get("deleted") or (about.get("options") or {}).get("link"):
                continue
            items.append(self._item(about, self._chunks.get(nuid, _Chunks())))
        lost = len(self._chunks.keys() - used)
        if lost:
            words = (
                "of no object, as it was at the source: an upload that was broken off, or a description that is gone"
            )
            items.append(Item(f"{self.bucket}: chunks", "skipped", 0, lost, words))
        return items

    def _item(self, about: t.Mapping[str, t.Any], chunks: _Chunks) -> Item:
        expected = str(about.get("digest") or "")
        observed = "SHA-256=" + base64.urlsafe_b64encode(chunks.digest.digest()).decode("ascii")
        words = []
        if (int(about.get("size") or 0), int(about.get("chunks") or 0)) != (chunks.bytes, chunks.count):
            words.append(
                f"{chunks.bytes} bytes in {chunks.count} chunks, {about.get('size')} in {about.get('chunks')} expected"
            )
        # Clients differ in whether they write the padding.
        if expected and expected.rstrip("=") != observed.rstrip("="):
            words.append("other content")
        return Item(
            f"{self.bucket}: {about.get('name')}", "failed" if words else "passed", expected, observed, "; ".join(words)
        )
