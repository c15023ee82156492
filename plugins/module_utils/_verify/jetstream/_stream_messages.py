# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Compares every message of a restored stream with its archive."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._messages import read_all, read_digests
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Digests
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream import _stream_compare

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message
    from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Item, Part
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_copy import StreamCopy

_TOLD_BYTES = 1 << 20


def compare_messages(
    session: Session,
    copy: StreamCopy,
    *,
    outlived: t.Callable[[], list[int]],
    deadline: Deadline,
    advance: t.Callable[[int], None],
    temporary_dir: str,
) -> tuple[Item, Part, list[Item]]:
    """What is said of the messages, of the stream as a whole, and of each key or object of a bucket.

    ``outlived`` gives the sequences of messages whose own time to live is over; it is asked only where some are
    missing.

    Raises SourceError where the stream cannot be read back.
    """
    facts, ours, stream = copy.archive.facts, copy.archive.digests, copy.stream
    if facts is None or ours is None or copy.state is None:
        return copy.lost(_stream_compare.ALGORITHM)
    keys, objects = _stream_compare.Keys(stream.bucket), _stream_compare.Objects(stream.bucket)
    looks: dict[str, t.Callable[[Message], None]] = {"kv": keys.look, "object_store": objects.look}
    theirs = Digests(temporary_dir=temporary_dir)
    try:
        read_digests(_sized(read_all(session, stream.name, deadline), advance), theirs, looks.get(stream.kind))
        item, part = _stream_compare.compared(stream, ours, theirs, facts.deletes_known, outlived)
    finally:
        theirs.close()
    if stream.kind == "object_store":
        return item, part, objects.items()
    if stream.kind == "kv" and not keys.too_many:
        last = read_all(session, stream.name, deadline, policy="last_per_subject")
        newest = {message.subject: message.sequence for message in last}
        return item, part, [keys.item(newest, int(stream.config.get("max_msgs_per_subject") or 0))]
    return item, part, []


def _sized(messages: t.Iterator[Message], advance: t.Callable[[int], None]) -> t.Iterator[Message]:
    """The same messages; ``advance`` is told of their bytes now and then."""
    waiting = 0
    for message in messages:
        waiting += len(message.subject) + len(message.headers) + len(message.data)
        if waiting > _TOLD_BYTES:
            advance(waiting)
            waiting = 0
        yield message
    advance(waiting)
