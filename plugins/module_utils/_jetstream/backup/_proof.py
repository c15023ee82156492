# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads an archive while it passes on its way into the repositories, and ends the pass with an error when it is not
whole.

How the server ends a transfer proves nothing: only the archive does (see the explanation of fingerprints in the
documentation). What raises here makes every repository abort, so an archive that is not whole is never stored.
"""

from __future__ import annotations

import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _completeness, _consumers
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream, stream_folder

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._sources import Opened
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._workers import Pool
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import ArchiveFacts, Problem
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Digests

_COUNTED = ("missing", "count")  # what the state in the archive says of it: it may be right that they are missing
_UNREADABLE = ("crc", "truncated", "format", "errors_txt")
_STORED = ("record_hash", "meta")  # damaged where the server keeps it, so that trying again gives the same


class Proof:
    """One archive. Use it as a context manager, around the storing of what ``pieces`` gives; then ask for ``stream``.

    ``processes`` is how many read the archive behind the transfer. ``pool`` keeps them for the next archive.
    """

    def __init__(self, opened: Opened, processes: int = 1, pool: Pool | None = None) -> None:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import Inspector

        self._opened = opened
        self._inspector = Inspector(opened.name, processes=processes, pool=pool)
        self._facts: ArchiveFacts | None = None
        self._after: dict[str, t.Any] = {}
        self._consumers = opened.consumers

    def __enter__(self) -> Proof:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._inspector.close()

    def pieces(self) -> t.Iterator[bytes]:
        """The archive.

        Its end comes only when it is whole. Raises SourceError otherwise, transient where a new try helps.
        """
        for piece in self._opened.pieces():
            self._inspector.feed(piece)
            yield piece
        facts = self._facts = self._inspector.finish()
        if not any(problem.kind in _UNREADABLE for problem in facts.problems):
            self._opened.check_belonging(facts)
        self._opened.check_end(raise_unless_whole(self._opened.name, facts.problems))
        lacks = _completeness.may_lack(self._opened.state, facts.messages, facts.first_sequence, facts.last_sequence)
        lacks = lacks or any(problem.kind in _COUNTED for problem in facts.problems)
        self._after = self._opened.state_after(deleted=lacks)
        if lacks:
            self._check_missing(self._inspector.digests)
        self._consumers = _consumers.with_archived(self._consumers, {consumer.name for consumer in facts.consumers})
        self._opened.check_consumers([one for one in self._consumers if one.durable and not one.archived])

    def _check_missing(self, digests: Digests) -> None:
        if not self._after:
            self._opened.warnings.append(
                f"{self._opened.name}: the archive holds fewer messages than its state says, and no server can be "
                "asked whether they were "
                "deleted while it was made."
            )
            return
        skipped = _completeness.skipped((sequence for sequence, _digest in digests), self._opened.state, self._after)
        if skipped:
            raise SourceError(
                f"The stream {self._opened.name} cannot be backed up whole: the server has "
                f"{_completeness.named(skipped)}, and left "
                f"{'them' if len(skipped) > 1 else 'it'} out of the snapshot without a word. It cannot read what it "
                "has stored.",
                hint="Nothing of this backup was kept. Look for the message in an older backup or a replica, and "
                "delete it when it is lost "
                f"(nats stream rmm {self._opened.name} {skipped[0]}).",
                details={"stream": self._opened.name, "sequences": skipped},
            )

    def stream(self) -> Stream:
        """What the archive holds, for the manifest."""
        opened, facts = self._opened, self._facts
        if facts is None:
            raise AssertionError("the archive has not passed yet")
        return Stream(
            name=opened.name,
            kind=opened.kind,
            bucket=opened.bucket,
            folder=stream_folder(opened.name),
            method=opened.method,
            format=facts.format,
            created=opened.created,
            config=opened.config,
            state_before=opened.state_before,
            state=opened.state,
            state_after={key: value for key, value in self._after.items() if key != "deleted"},
            messages=facts.messages,
            bytes=facts.bytes,
            first_sequence=facts.first_sequence,
            last_sequence=facts.last_sequence,
            fingerprint=facts.fingerprint,
            hash_engine=facts.hash_engine,
            unpacked_bytes=facts.plain_bytes,
            consumers=self._consumers,
            archived_consumers=tuple(sorted(consumer.name for consumer in facts.consumers)),
            leader=opened.leader,
            chunks=opened.chunks,
            status=opened.status,
        )


def raise_unless_whole(name: str, problems: t.Sequence[Problem]) -> str:
    """Raise SourceError for messages that are damaged in the server's own store.

    Gives what else is wrong, empty if nothing is.
    """
    stored = [problem for problem in problems if problem.kind in _STORED]
    if stored:
        sequences = [problem.sequence for problem in stored if problem.sequence is not None]
        where = f" ({_completeness.named(sequences)})" if sequences else ""
        raise SourceError(
            f"The stream {name} is damaged on the server{where}: {stored[0].message}",
            hint="Nothing of this backup was kept, and nothing on the server was changed. Never run a snapshot with "
            "--check (jsck) on "
            "it: before 2.15 that cuts off messages that follow. Take the message from an older backup or a replica.",
            details={"stream": name, "sequences": sequences[: _completeness.MOST_NAMED], "problems": len(stored)},
        )
    return next((problem.message for problem in problems if problem.kind not in _COUNTED), "")
