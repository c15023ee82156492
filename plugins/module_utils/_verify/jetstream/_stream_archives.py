# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads the artifacts of a JetStream backup to their end: hash, decryption, and what each stream's archive holds."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import CheckedPieces
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import ARCHIVE, CONFIG, config_in
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Item

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import ArchiveFacts
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Digests

# What a state says of messages that were deleted while the archive was made. The backup has asked the server about each
# of them.
_COUNTED = ("missing", "count")


@dataclasses.dataclass
class StreamArchive:
    """One stream as the repository holds it.

    ``facts`` and ``digests`` are None where its archive could not be read to the end.
    """

    stream: Stream
    facts: ArchiveFacts | None = None
    digests: Digests | None = None
    config: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # of backup.json
    items: list[Item] = dataclasses.field(default_factory=list)  # one for each stored file


def artifact_of(stored: StoredBackup, stream: Stream, content: str) -> Artifact:
    """The stored file of a stream that is for this. Raises DamagedError when the manifest names none."""
    for artifact in stored.artifacts(content):
        if artifact.name.startswith(f"{stream.folder}/"):
            return artifact
    raise DamagedError(f"The manifest names no {content} of the stream {stream.name}.")


def read_stream(
    stored: StoredBackup, stream: Stream, deadline: Deadline, advance: t.Callable[[int], None]
) -> StreamArchive:
    """Read both files of a stream. A damaged one becomes a failed item."""
    found = StreamArchive(stream)
    read_config(found, stored, deadline, advance)

    def whole() -> None:
        found.facts, found.digests = inspect(
            CheckedPieces(stored, artifact_of(stored, stream, ARCHIVE), deadline, advance), stream.name
        )

    _item(found, f"{stream.folder}/archive", lambda: artifact_of(stored, stream, ARCHIVE), whole, deadline)
    return found


def read_config(
    found: StreamArchive, stored: StoredBackup, deadline: Deadline, advance: t.Callable[[int], None]
) -> None:
    """Read the stream's ``backup.json``."""

    def whole() -> None:
        content = b"".join(CheckedPieces(stored, artifact_of(stored, found.stream, CONFIG), deadline, advance))
        found.config = config_in(content, found.stream.name)

    _item(found, f"{found.stream.folder}/config", lambda: artifact_of(stored, found.stream, CONFIG), whole, deadline)


def _item(
    found: StreamArchive, name: str, artifact: t.Callable[[], Artifact], work: t.Callable[[], None], deadline: Deadline
) -> None:
    sha256 = None
    try:
        named = artifact()
        name, sha256 = named.name, named.sha256
        work()
    except LifeboatError as error:
        deadline.check("Reading the artifacts")
        found.items.append(Item(name, "failed", sha256, None, str(error)))
    else:
        found.items.append(Item(name, "passed"))


def content_item(found: StreamArchive) -> Item:
    """Whether the archive of a stream is complete, and holds what the manifest says that it held when it was made."""
    stream, facts = found.stream, found.facts
    expected = _amount(stream.messages, stream.first_sequence, stream.last_sequence)
    if facts is None:
        return Item(stream.name, "failed", expected, None, "the archive cannot be read to its end")
    observed = _amount(facts.messages, facts.first_sequence, facts.last_sequence)
    words = [problem.message for problem in facts.problems if problem.kind not in _COUNTED][:3]
    if observed != expected:
        words.append("other messages than the manifest says")
    elif facts.fingerprint != stream.fingerprint:
        words.append(f"as many messages, but other content: {facts.fingerprint} instead of {stream.fingerprint}")
    lost = sorted(set(stream.archived_consumers) - {consumer.name for consumer in facts.consumers})
    if lost:
        words.append(f"the consumer {lost[0]} is not in the archive any more")
    if found.config and found.config != stream.config:
        words.append("the stored configuration is not the manifest's")
    if words:
        return Item(stream.name, "failed", expected, observed, "; ".join(words))
    return Item(stream.name, "skipped" if facts.unchecked else "passed", expected, observed, "; ".join(facts.unchecked))


def _amount(messages: int, first: int, last: int) -> str:
    return f"{plural(messages, 'message')}, {first} to {last}" if messages else "no message"
