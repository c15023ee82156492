# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Where the archive of a stream comes from: a server's snapshot, or a folder that the nats command line has written."""

from __future__ import annotations

import abc
import contextlib
import datetime
import itertools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup import _belonging, _export
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._snapshot import Snapshot
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    STREAM_NOT_FOUND,
    ConnectionLostError,
    JetStreamError,
    ServerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._messages import read_all
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import StreamInfo
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2 import encode
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _consumers
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Consumer
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._continuity import Earlier, check_end

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._folder import FolderStream
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import ArchiveFacts, Message


# A server may have ended the connection because more was under way than it keeps for a client (max_pending), or than
# the line took in time (write_deadline); it tells neither. So the next try keeps less under way. Servers before 2.12.5
# send what they like.
_SMALL_CHUNK_BYTES, _SMALL_WINDOW_BYTES = 64 << 10, 512 << 10
_NO_SNAPSHOT = "no impl"  # of streams in memory, servers before 2.15


class Opened(abc.ABC):
    """A stream whose archive is about to pass. ``config`` and ``state`` are those that come with the archive."""

    method = "snapshot"
    chunks = 0
    status = ""
    leader = ""
    created = ""
    config: dict[str, t.Any]
    state: dict[str, t.Any]
    state_before: dict[str, t.Any]
    consumers: tuple[Consumer, ...] = ()

    def __init__(self, info: StreamInfo) -> None:
        self.name = info.name
        self.kind = info.kind
        self.bucket = info.bucket
        self.warnings: list[str] = []

    @abc.abstractmethod
    def pieces(self) -> t.Iterator[bytes]:
        """The archive, once."""

    def check_belonging(self, facts: ArchiveFacts) -> None:
        """Raise when the archive is not this stream's; a server sends no other."""
        return

    @abc.abstractmethod
    def check_end(self, trouble: str) -> None:
        """Raise when the archive is not whole; ``trouble`` says why it is not, and is empty when it is."""

    def state_after(self, *, deleted: bool) -> dict[str, t.Any]:
        """The stream's state now, with the list of what is ``deleted`` in it if asked for.

        Empty where nobody can be asked.
        """
        return {}

    def check_consumers(self, missing: t.Sequence[Consumer]) -> None:
        """Raise when the archive may not lack these durable consumers."""
        return


class Source(abc.ABC):
    """A stream to save. ``taken_at`` is None where it is now."""

    name: str
    estimated_bytes: int
    taken_at: datetime.datetime | None = None
    alone = False  # whether the others are saved also where this one is damaged

    @abc.abstractmethod
    def open(self, deadline: Deadline) -> t.ContextManager[Opened]:
        """Begin. Raises SourceError; a transient ServerError where a new try may help."""


class ServerStream(Source):
    """A stream on a server.

    ``consumers`` is the option of that name; ``export`` where the server makes no snapshot of it.
    """

    def __init__(
        self,
        connection: Connection,
        info: StreamInfo,
        consumers: str,
        *,
        export: bool,
        idle_seconds: float,
        accepted: bool = False,
    ) -> None:
        self.name = info.name
        self._seen = Earlier(
            "when this backup began", "" if accepted else info.created, int(info.state.get("last_seq") or 0)
        )
        self._export = export
        self._idle_seconds = idle_seconds
        self._chunk_bytes = self._window_bytes = 0  # what suits the server and the distance
        self.estimated_bytes = int(info.state.get("bytes") or 0)
        self._connection = connection
        self._policy = consumers

    @contextlib.contextmanager
    def open(self, deadline: Deadline) -> t.Iterator[Opened]:
        """Over a connection of its own."""
        if not self._export:
            with self._connection.open(deadline) as session:
                opened = self._snapshot(session, deadline)
                if opened is not None:
                    try:
                        yield opened
                    except ConnectionLostError:
                        self._chunk_bytes, self._window_bytes = _SMALL_CHUNK_BYTES, _SMALL_WINDOW_BYTES
                        raise
                    return
        with self._connection.open(deadline) as session:
            yield _OpenedExport(session, self.name, self._policy, deadline, self._seen)

    def _snapshot(self, session: Session, deadline: Deadline) -> Opened | None:
        """None where the stream's leader makes none, because it is older than the server that we are connected to."""
        try:
            snapshot = Snapshot(
                session,
                self.name,
                chunk_bytes=self._chunk_bytes,
                window_bytes=self._window_bytes,
                deadline=deadline,
                idle_seconds=self._idle_seconds,
            )
            return _OpenedSnapshot(session, self.name, self._policy, snapshot, self._seen)
        except JetStreamError as error:
            if _NO_SNAPSHOT not in error.description:
                raise
            return None


class _OnServer(Opened):
    """What a snapshot and an export have in common."""

    def __init__(self, session: Session, name: str, policy: str, seen: Earlier) -> None:
        info = session.stream(name)
        if info is None:
            raise SourceError(f"The stream {name} was deleted before it could be saved.", hint="Run the backup again.")
        super().__init__(info)
        self._session, self._policy, self._seen = session, policy, seen
        self.config = info.config
        self.state = self.state_before = info.state
        self.created, self.leader = info.created, info.leader
        self.consumers = () if policy == "ignore" else _consumers.inventory(one.raw for one in session.consumers(name))

    def check_end(self, trouble: str) -> None:
        """An archive that was cut may come whole the next time."""
        if trouble:
            raise ServerError(
                f"The snapshot of the stream {self.name} is not whole: {trouble} The server said: "
                f"{self.status or 'nothing'}.",
                hint="Nothing of this backup was kept. The server's log may say more.",
                transient=True,
            )

    def state_after(self, *, deleted: bool) -> dict[str, t.Any]:
        """Asked over the connection that the archive came over."""
        try:
            answer = self._session.api(f"STREAM.INFO.{self.name}", {"deleted_details": True} if deleted else None)
        except JetStreamError as error:
            if error.err_code != STREAM_NOT_FOUND:
                raise
            self.warnings.append(f"{self.name} was deleted while it was saved; its backup is whole.")
            return {}
        state = dict(answer["state"])
        check_end(self.name, self._seen, self.created, {}, [self.state_before, self.state, state])
        return state

    def check_consumers(self, missing: t.Sequence[Consumer]) -> None:
        """A consumer that is gone by now is no loss."""
        if not missing:
            return
        still = {one.name for one in self._session.consumers(self.name)}
        names = ", ".join(one.name for one in missing if one.name in still)
        if names and self._policy == "require":
            raise SourceError(
                f"The snapshot of the stream {self.name} lacks these consumers: {names}. The server leaves out those "
                "that are kept in "
                "memory, and those without a replica on the stream's leader.",
                hint="Say consumers: rebuild, so that a restore makes them again where they stood, or keep them in "
                "files on as many "
                "replicas as the stream has. Nothing of this backup was kept.",
            )


class _OpenedSnapshot(_OnServer):
    def __init__(self, session: Session, name: str, policy: str, snapshot: Snapshot, seen: Earlier) -> None:
        super().__init__(session, name, policy, seen)
        self._snapshot = snapshot
        self.config, self.state = self._snapshot.start()

    def pieces(self) -> t.Iterator[bytes]:
        """What the server sends."""
        yield from self._snapshot.pieces()
        outcome = self._snapshot.outcome
        self.chunks, self.status = outcome.chunks, f"{outcome.status} {outcome.description}".strip()


class _OpenedExport(_OnServer):
    method = "export"

    def __init__(self, session: Session, name: str, policy: str, deadline: Deadline, seen: Earlier) -> None:
        super().__init__(session, name, policy, seen)
        self._deadline = deadline
        self.warnings.append(
            f"{name} is kept in memory, and this server makes no snapshot of it: it was read message by message. "
            "It can be restored to servers from 2.15."
        )

    def pieces(self) -> t.Iterator[bytes]:
        """The messages up to the last one that the state names.

        A consumer changes nothing where limits alone decide what is kept.
        """
        first, last = int(self.state.get("first_seq") or 0), int(self.state.get("last_seq") or 0)
        messages: t.Iterator[Message]
        if self.config.get("retention", "limits") == "limits":
            reading = read_all(self._session, self.name, self._deadline, warn=self.warnings.append)
            messages = itertools.takewhile(lambda message: message.sequence <= last, reading)
        else:
            messages = reading = _export.read_one_by_one(self._session, self.name, first, last, self._deadline)
        try:
            yield from encode(_export.entries(self.state, self.consumers, messages))
        finally:
            close(reading)


class FolderSource(Source):
    """A stream that the command line has saved."""

    alone = True

    def __init__(self, stream: FolderStream) -> None:
        self.name = stream.name
        self.estimated_bytes = stream.archive_bytes
        self.taken_at = stream.written_at
        self._stream = stream

    @contextlib.contextmanager
    def open(self, _deadline: Deadline) -> t.Iterator[Opened]:
        """Nothing is connected."""
        yield _OpenedFolder(self._stream)


class _OpenedFolder(Opened):
    def __init__(self, stream: FolderStream) -> None:
        super().__init__(StreamInfo({"config": stream.config, "state": stream.state, "created": ""}))
        self.config = stream.config
        self.state = self.state_before = stream.state
        self._stream = stream
        if stream.is_empty:
            self.method = "export"

    def pieces(self) -> t.Iterator[bytes]:
        """The file's bytes."""
        yield from self._stream.pieces()

    def check_belonging(self, facts: ArchiveFacts) -> None:
        """Files can be exchanged between folders."""
        _belonging.check(self._stream, facts, self.warnings.append)

    def check_end(self, trouble: str) -> None:
        """A file is what it is."""
        if trouble:
            raise DamagedError(
                f"{self._stream.path} does not hold the whole stream {self.name}: {trouble}",
                hint="Use another backup of the command line.",
            )
