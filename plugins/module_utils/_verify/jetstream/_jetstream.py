# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Proves one backup of JetStream: reads what is stored, restores it into a scratch place, compares, and sees itself say
no.

Which questions are asked depends on the profile: ``artifact`` reads every archive to its end; ``quick`` restores and
counts; ``full`` reads every message back, compares consumers, keys and objects, and reads every copy in every
repository.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import CheckedPieces
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    NotAskedError,
    OptionError,
    RepositoryError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import counted
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    ConnectionLostError,
    JetStreamError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._convert import read_messages
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import Inspector
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import ARCHIVE, content_of
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._selection import is_meant
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._time_to_live import outlived
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._scratch import (
    EmptyAccount,
    ScratchPlace,
    ScratchServer,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._scratch_config import (
    left_out,
    scratch_config,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._upload import upload
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, CheckStatus, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import (
    Verification,
    outcome,
    summarised,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream import (
    _stream_compare,
    _stream_controls,
    _stream_questions,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_archives import (
    StreamArchive,
    artifact_of,
    content_item,
    read_config,
    read_stream,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_consumers import compare_consumers
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_copy import StreamCopy
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_messages import compare_messages

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import Assertion

_NO_ROOM = (
    10002,
    10023,
    10028,
    10047,
)  # resources of the account or the server, not the backup's fault (server/errors.json)
_MESSAGES = Check("content.messages", "Every message is what it was in the archive", "content", "passed")
_CONSUMERS = Check("structure.consumers", "Every consumer is back and stands where it stood", "structure", "passed")


@dataclasses.dataclass(frozen=True)
class Options:
    """How to verify. ``streams_account`` is a NATS account to restore into; without one, ``account`` runs a server."""

    profile: _model.Profile
    assertions: tuple[Assertion, ...] = ()
    jobs: int = 2
    scratch_dir: str = "/var/tmp"
    nats_server_binary: str | None = None
    account: t.Callable[[], ScratchAccount] | None = None
    streams_account: Connection | None = None
    exclude: tuple[str, ...] = ()  # names and patterns of streams that are not proven


class JetStreamVerification(Verification):
    """Restores into a scratch server, or into a scratch account."""

    def __init__(
        self, copies: t.Sequence[StoredBackup], options: Options, deadline: Deadline, progress: Progress
    ) -> None:
        super().__init__(copies, options.profile, deadline, progress)
        self._content = content_of(self._manifest.content, "the manifest")
        self._options = options
        self._streams = tuple(one for one in self._content.streams if is_meant(one.name, (), options.exclude))
        self._server = ""  # where it was restored
        if self._content.streams and not self._streams:
            raise OptionError(
                "exclude leaves no stream of the backup to prove.", hint="Leave out less. Nothing has been done."
            )

    # what is stored

    def _verify_archives(self) -> None:
        self._progress.phase("read", "reading every archive", self._manifest.stored_bytes)
        if not self._content.streams:
            return self._verify_nothing()
        works = [lambda stream=stream: self._read(stream) for stream in self._streams]
        archives = together(works, self._options.jobs, self._deadline)
        self._add_archive_checks(archives)
        self._add_excluded()
        self._controls.append(_stream_controls.flip_in_archive(self._stored, archives))

    def _verify_nothing(self) -> None:
        """A backup of an account without a stream: whether that was said to be right, and its one file is whole."""
        whole = [
            outcome(artifact.name, functools.partial(self._stored.check, artifact))
            for artifact in self._manifest.artifacts
        ]
        check = Check("artifact.stored", "Every stored file is what was written", "artifact", "passed")
        self._checks.append(summarised(check, whole, "files"))
        right = self._content.allow_empty
        words = (
            "the account had no stream, as allow_empty said" if right else "nothing was compared: there is no stream"
        )
        check = Check("content.messages", _MESSAGES.title, "content", "skipped" if right else "error", words)
        self._checks.append(check)

    def _add_excluded(self) -> None:
        """What was not looked at is said."""
        names = [stream.name for stream in self._content.streams if stream not in self._streams]
        broken = sorted(self._content.left_out)
        for title, found in (
            ("Streams that exclude leaves out of this proof", names),
            ("Streams that were broken when they were taken from a folder", broken),
        ):
            if found:
                kind = "excluded" if found is names else "broken"
                self._checks.append(Check(f"content.{kind}", title, "content", "skipped", ", ".join(found)))

    def _not_looked_at(self) -> list[_model.Part]:
        """What is not in this proof counts as not compared, so that nobody takes it for one of all."""
        excluded = [one for one in self._content.streams if one not in self._streams]
        parts = [_model.Part(one.name, "skipped", one.messages, None, one.bytes) for one in excluded]
        return [*parts, *(_model.Part(name, "skipped") for name in sorted(self._content.left_out))]

    def _read(self, stream: Stream) -> StreamArchive:
        return read_stream(self._stored, stream, self._deadline, self._progress.advance)

    def _add_archive_checks(self, archives: t.Sequence[StreamArchive]) -> None:
        check = Check("artifact.stored", "Every stored file is what was written", "artifact", "passed")
        self._checks.append(summarised(check, [item for archive in archives for item in archive.items], "files"))
        check = Check("artifact.content", "The archives hold what the server sent", "artifact", "passed")
        self._checks.append(summarised(check, [content_item(archive) for archive in archives], "streams"))

    # what comes back

    def _verify_restored(self) -> None:
        if not self._content.streams:
            return self._verify_nothing()
        self._progress.phase("scratch", "preparing a scratch place")
        with self._place() as place:
            self._server = place.description
            self._isolation = place.isolation
            copies = self._restore_all(place)
            archives = [copy.archive for copy in copies]
            self._add_restore_check(copies)
            self._add_archive_checks(archives)
            self._add_excluded()
            back = [copy for copy in copies if copy.state is not None]
            if self._profile == "full":
                self._guarded(_CONSUMERS, lambda: self._compare_consumers(place, copies))
                self._guarded(_MESSAGES, lambda: self._compare_messages(place, copies))
            else:
                self._count_messages(copies)
            self._parts += self._not_looked_at()
            asked = Check("custom.0", "Your own checks are asked", "custom", "passed")
            self._guarded(asked, lambda: self._ask(place, [copy.stream.name for copy in back]))
            self._controls.append(_stream_controls.flip_in_archive(self._stored, archives))
            if self._profile == "full":
                dropped = Check("content.control", "A deleted message is noticed", "content", "passed")
                self._guarded(dropped, lambda: self._drop_a_message(place, [copy.archive for copy in back]))

    def _drop_a_message(self, place: ScratchPlace, archives: t.Sequence[StreamArchive]) -> None:
        with place.connection.open(self._deadline) as session:
            control = _stream_controls.drop_a_message(session, archives, self._deadline, self._options.scratch_dir)
        self._controls.append(control)

    def _place(self) -> ScratchPlace:
        options, streams = self._options, self._streams
        if options.streams_account is not None:
            return EmptyAccount(options.streams_account, streams, base_dir=options.scratch_dir, deadline=self._deadline)
        if options.account is None:
            raise AssertionError(f"the profile {options.profile} was asked for without an account")
        return ScratchServer(
            streams,
            options.account(),
            binary=options.nats_server_binary,
            base_dir=options.scratch_dir,
            deadline=self._deadline,
        )

    def _restore_all(self, place: ScratchPlace) -> list[StreamCopy]:
        self._progress.phase("restore", "restoring the streams", self._manifest.plain_bytes)
        began = time.monotonic()
        works = [lambda stream=stream: self._restore(place, stream) for stream in self._streams]
        copies = together(works, self._options.jobs, self._deadline)
        if all(copy.state is not None for copy in copies):
            self._restore_seconds = time.monotonic() - began
        return copies

    def _restore(self, place: ScratchPlace, stream: Stream) -> StreamCopy:
        """Restore one stream, its archive inspected as it passes. What goes wrong is in the copy."""
        refused = place.refuses(stream)
        if refused:  # the others are proven, and this one is read at least
            return StreamCopy(self._read(stream), None, refused, unasked=True)
        archive = StreamArchive(stream)
        copy = StreamCopy(archive)
        read_config(archive, self._stored, self._deadline, self._progress.advance)
        inspector = Inspector(stream.name, temporary_dir=self._options.scratch_dir)
        try:
            artifact = artifact_of(self._stored, stream, ARCHIVE)
            pieces = _fed(
                iter(CheckedPieces(self._stored, artifact, self._deadline, self._progress.advance)), inspector
            )
            config = scratch_config(stream, place.metadata)
            with place.connection.open(self._deadline) as session:
                copy.state = dict(
                    upload(session, stream.name, config, stream.state, pieces, deadline=self._deadline.part())["state"]
                )
            archive.facts, archive.digests = inspector.finish(), inspector.digests
            archive.items.append(Item(artifact.name, "passed"))
        except (DamagedError, RepositoryError, SourceError) as error:  # all else keeps the question from being asked
            self._deadline.check("The restore")
            if isinstance(error, JetStreamError) and error.err_code in _NO_ROOM:
                words = (
                    f"There is no room for the stream {stream.name} in the scratch place, so the backup is neither "
                    "proven nor refuted."
                )
                raise NotAskedError(f"{words} {error}") from None
            copy.error, copy.state = str(error), None
            whole = read_stream(self._stored, stream, self._deadline, lambda count: None)
            copy.archive = whole
        finally:
            inspector.close()
        return copy

    def _add_restore_check(self, copies: t.Sequence[StreamCopy]) -> None:
        items = []
        for copy in copies:
            status: CheckStatus = "error" if copy.unasked else "failed" if copy.state is None else "passed"
            items.append(Item(copy.stream.name, status, None, None, copy.error))
        check = Check(
            "restore.restore",
            "Every stream restores without an error",
            "restore",
            "passed",
            seconds=self._restore_seconds,
        )
        self._checks.append(summarised(check, items, "streams"))
        without = [(copy.stream, left_out(copy.stream)) for copy in copies]
        now, told = datetime.datetime.now(datetime.timezone.utc), []
        for stream, names in without:
            oldest = _stream_compare.oldest_of(stream)
            item = _stream_compare.limits_item(stream, names, oldest, now)
            told += [item] if item else []
        if told:
            some = f"{len(told)} of {counted(len(copies), 'streams')} {'was' if len(told) == 1 else 'were'}"
            message = f"{some} compared without limits, so that nothing is dropped while it is compared"
            check = Check("restore.limits", "What the scratch copies go without", "restore", "skipped", message)
            self._checks.append(dataclasses.replace(check, items=tuple(told)))

    def _count_messages(self, copies: t.Sequence[StreamCopy]) -> None:
        items = []
        for copy in copies:
            facts = copy.archive.facts
            if facts is None or copy.state is None:
                item, part, _more = copy.lost("message count")
            else:
                gone = functools.partial(self._outlived, copy.stream)
                item, part = _stream_compare.counted(copy.stream, facts, copy.state, gone)
            items.append(item)
            self._parts.append(part)
        check = Check("content.messages", "Every stream has as many messages", "content", "passed")
        self._checks.append(_stream_compare.unless_nothing(summarised(check, items, "streams"), self._streams))

    def _compare_messages(self, place: ScratchPlace, copies: t.Sequence[StreamCopy]) -> None:
        self._progress.phase("compare", "reading every message back", sum(stream.bytes for stream in self._streams))
        works = [lambda copy=copy: self._compare(place, copy) for copy in copies]
        results = together(works, self._options.jobs, self._deadline)
        self._parts += [part for _item, part, _more in results]
        check = summarised(_MESSAGES, [item for item, _part, _more in results], "streams")
        self._checks.append(_stream_compare.unless_nothing(check, self._streams))
        for name, title, kind, what in (
            ("structure.keys", "Every key has its newest value", "kv", "key-value stores"),
            ("structure.objects", "Every object has its digest", "object_store", "objects"),
        ):
            items = [
                item for (_item, _part, more), copy in zip(results, copies) if copy.stream.kind == kind for item in more
            ]
            if items:
                self._checks.append(summarised(Check(name, title, "structure", "passed"), items, what))

    def _compare(self, place: ScratchPlace, copy: StreamCopy) -> tuple[Item, _model.Part, list[Item]]:
        """Every message of one stream, and what its kind has beside that."""
        try:
            with place.connection.open(self._deadline) as session:
                return compare_messages(
                    session,
                    copy,
                    outlived=lambda: self._outlived(copy.stream),
                    deadline=self._deadline,
                    advance=self._progress.advance,
                    temporary_dir=self._options.scratch_dir,
                )
        except ConnectionLostError as error:
            words = (
                f"The scratch place was lost while the stream {copy.stream.name} was compared, so the backup is "
                "neither proven nor refuted."
            )
            raise NotAskedError(f"{words} {error}", hint="Look at the log of its server, then run it again.") from None
        except SourceError as error:
            copy.error = str(error)
            return copy.lost(_stream_compare.ALGORITHM)

    def _outlived(self, stream: Stream) -> list[int]:
        """The sequences of an archive's messages whose own time to live is over. Reads the archive again."""
        artifact = artifact_of(self._stored, stream, ARCHIVE)
        return list(outlived(read_messages(lambda: self._stored.open(artifact), stream.name), time.time_ns()))

    def _compare_consumers(self, place: ScratchPlace, copies: t.Sequence[StreamCopy]) -> None:
        """Right after the restore: a consumer that nobody uses may go."""
        self._progress.phase("consumers", "comparing the consumers")
        ignored, items = self._content.consumers == "ignore", []
        with place.connection.open(self._deadline) as session:
            for copy in copies:
                items += compare_consumers(session, copy, ignored=ignored, deadline=self._deadline)
        self._checks.append(summarised(_CONSUMERS, items, "consumers"))

    def _ask(self, place: ScratchPlace, restored: t.Sequence[str]) -> None:
        if not self._options.assertions:
            return
        self._progress.phase("questions", "asking your own checks")
        with place.connection.open(self._deadline) as session:
            for number, assertion in enumerate(self._options.assertions):
                self._checks.append(
                    _stream_questions.ask(session, self._content, restored, assertion, number, self._deadline)
                )

    # the report

    def _controlled(self) -> Artifact | None:
        filled = [artifact_of(self._stored, stream, ARCHIVE) for stream in self._streams if stream.messages]
        others = self._stored.artifacts(ARCHIVE) or self._manifest.artifacts
        return min(filled or others, key=lambda artifact: artifact.stored_bytes, default=None)

    def _source(self) -> _model.Source:
        content = self._content  # an account tells no name of its own; the component is what its users call it
        return _model.Source.of(STORE, content.server_version, self._manifest.component, content.connected_to)

    def _counts(self) -> tuple[_model.Count, ...]:
        content = self._content
        consumers = sum(len(stream.consumers) or len(stream.archived_consumers) for stream in content.streams)
        counted = {"streams": len(content.streams), "messages": content.messages, "consumers": consumers}
        return tuple(_model.Count(what, count) for what, count in counted.items())

    def _plain_bytes(self) -> int:
        return sum(
            stream.unpacked_bytes for stream in self._content.streams
        )  # the server has compressed what we call plain

    def _details(self) -> tuple[_model.Detail, ...]:
        facts = {
            "Archives": ", ".join(sorted({stream.format for stream in self._content.streams})),
            "Domain": self._content.domain,
            "Restored into": self._server,
        }
        return tuple(_model.Detail(term, value) for term, value in facts.items() if value)


def _fed(pieces: t.Iterator[bytes], inspector: Inspector) -> t.Iterator[bytes]:
    """The same pieces, each of them shown to the inspector."""
    try:
        for piece in pieces:
            inspector.feed(piece)
            yield piece
    finally:
        close(pieces)
