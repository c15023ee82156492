# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Compares the consumers of restored streams with those of the backup."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import NoAnswerError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._consumers import rebuilt
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Item
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream import _stream_compare

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Consumer
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_copy import StreamCopy

_CONSUMERS_SECONDS = 30.0
_POLL_SECONDS = 0.1


def compare_consumers(session: Session, copy: StreamCopy, *, ignored: bool, deadline: Deadline) -> list[Item]:
    """One item for each consumer of one stream. ``ignored`` says that the backup was made with ``consumers: ignore``.

    Raises SourceError where the scratch place does not answer.
    """
    facts, stream = copy.archive.facts, copy.stream
    if facts is None or copy.state is None:
        names = stream.archived_consumers
        return [Item(f"{stream.name}: {name}", "failed", None, None, "its stream is not there") for name in names]
    there = _consumers(session, stream.name, {consumer.name for consumer in facts.consumers}, deadline)
    first = int(copy.state.get("first_seq") or 0)
    items = [_stream_compare.consumer_item(stream.name, one, there.get(one.name), first) for one in facts.consumers]
    missing = [one for one in stream.consumers if one.name in stream.missing_consumers]
    return items + [_rebuild(session, stream.name, one, ignored=ignored) for one in missing]


def _consumers(session: Session, stream: str, awaited: set[str], deadline: Deadline) -> dict[str, dict[str, t.Any]]:
    """Those of a stream by name. A cluster makes them one by one after a restore."""
    until = time.monotonic() + (_CONSUMERS_SECONDS if session.cluster or session.is_elsewhere else 0)
    while True:
        over = time.monotonic() >= until
        try:
            there = {consumer.name: consumer.raw for consumer in session.consumers(stream)}
            if over or awaited <= there.keys():
                return there
        except NoAnswerError:  # servers that are still making them do not answer for them
            if over:
                raise
        deadline.check("Waiting for the consumers")
        time.sleep(_POLL_SECONDS)


def _rebuild(session: Session, stream: str, consumer: Consumer, *, ignored: bool) -> Item:
    """A consumer that the archive lacks is made as a restore makes it: from the manifest, behind its last acknowledged
    message.
    """
    name = f"{stream}: {consumer.name}"
    if ignored:
        words = "not in the archive, and consumers: ignore was said when the backup was made"
        return Item(name, "skipped", None, None, words)
    try:
        session.create_consumer(stream, {**rebuilt(consumer, "limits"), "num_replicas": 1})
    except LifeboatError as error:
        return Item(name, "failed", None, None, f"not in the archive, and it cannot be made again: {error}")
    return Item(name, "passed", None, None, "not in the archive; a restore makes it again from the manifest")
