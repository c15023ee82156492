# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""Takes one stream's snapshot from the server, chunk by chunk (``$JS.API.STREAM.SNAPSHOT``, server/jetstream_api.go).

The server tells each chunk's number and length in the subject of its acknowledgement; both are checked. What it says at
the end proves nothing (it may say success after an error, and nothing after success): only the archive itself shows
whether it is whole.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._intake import Intake
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._delivery import Delivery
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    INVALID_JSON,
    STREAM_NOT_FOUND,
    JetStreamError,
    ServerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session, decoded, token

_KNOWS_WINDOW = (2, 12, 5)  # also: full chunks, and an acknowledgement time-out of five seconds instead of two
_CHUNK_BYTES = 512 * 1024
_OLD_CHUNK_BYTES = 128 * 1024  # the server's default
_WINDOW_BYTES = 8 << 20  # the server's default
_FAR_WINDOW_BYTES = 32 << 20  # the most it takes
_FAR_SECONDS = 0.005
_SOFT_BYTES = 8 << 20
_RESERVE_BYTES = 64 << 20
_ACK_SECONDS, _OLD_ACK_SECONDS = 2.5, 0.7
_REQUEST_SECONDS = 30.0
_IDLE_SECONDS = 60.0
_ASK_AFTER_SECONDS = 4.0
_TICK_SECONDS = 0.25


@dataclasses.dataclass(frozen=True)
class SnapshotResult:
    """What came, and what the server said at the end.

    ``undecided``: it did not say that all went well, and did not say what went wrong.
    """

    chunks: int = 0
    bytes: int = 0
    status: str = ""
    description: str = ""
    undecided: bool = True
    most_waiting_bytes: int = 0  # the most that waited in memory to be stored


class Snapshot:
    """One snapshot. It has the session for itself until ``pieces`` has ended; one that is abandoned closes the session.

    ``chunk_bytes`` and ``window_bytes`` of 0 choose by server version and distance. Memory: 8 MiB beside the window,
    and up to 64 MiB more while the repositories take nothing at all.
    """

    def __init__(
        self,
        session: Session,
        stream: str,
        *,
        chunk_bytes: int = 0,
        window_bytes: int = 0,
        no_consumers: bool = False,
        deadline: Deadline | None = None,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self.outcome = SnapshotResult()
        self.soft_bytes = _SOFT_BYTES
        self.ack_seconds = _ACK_SECONDS if session.server_version >= _KNOWS_WINDOW else _OLD_ACK_SECONDS
        self._session = session
        self._stream = stream
        self._deadline = deadline or session.deadline
        self._idle_seconds = idle_seconds
        self._no_consumers = no_consumers
        self._new = session.server_version >= _KNOWS_WINDOW
        self._chunk_bytes = chunk_bytes or (_CHUNK_BYTES if self._new else _OLD_CHUNK_BYTES)
        self._window_bytes = window_bytes
        # Of its own: the server looks for a subscription to this very subject, and waits two seconds when only a
        # wildcard matches it.
        self._inbox = f"{session.inbox_prefix}.{secrets.token_hex(11)}".encode()
        self._chunks = self._bytes = 0
        self._last_came = False
        self._subscription: t.Any = None
        self._question = f"{session.inbox}.there".encode()
        self._asked = False
        self._failure: ServerError | None = None

    def start(self) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        """Ask for it. Returns the stream's configuration and state as the server gives them, for ``backup.json``.

        Raises JetStreamError (``transient`` when another snapshot of the stream is being taken), NoAnswerError,
        MissingPermissionError.
        """
        what = f"The snapshot of the stream {self._stream}"
        subject = f"{self._session.api_prefix}.STREAM.SNAPSHOT.{token('stream', self._stream)}"
        body: dict[str, t.Any] = {"deliver_subject": self._inbox.decode(), "chunk_size": self._chunk_bytes}
        if self._no_consumers:
            body["no_consumers"] = True
        window = self._window() if self._new else 0
        if window:
            body["window_size"] = window
        self._window_bytes = window or _WINDOW_BYTES
        self._subscription = self._session.subscribe(self._inbox.decode())
        try:
            answer = self._ask(what, subject, body)
        except JetStreamError as error:
            if error.err_code != INVALID_JSON or not window:
                raise
            del body["window_size"]  # the stream's leader is older than the server that we are connected to
            self._window_bytes = _WINDOW_BYTES
            answer = self._ask(what, subject, body)
        return answer["config"], answer["state"]

    def pieces(self) -> t.Iterator[bytes]:
        """The archive. Ends only when the server has sent its end; then ``outcome`` is there.

        Raises ServerError when the server gives up, refuses or is lost, or chunks are missing; DeadlineError.
        """
        intake = Intake(
            self._session.channel.publish_empty,
            soft_bytes=self.soft_bytes,
            hard_bytes=self.soft_bytes + self._window_bytes + _RESERVE_BYTES,
            ack_seconds=self.ack_seconds,
            late_bytes=1 if self._new else self._chunk_bytes + 1,
            together=max(1, self._window_bytes // self._chunk_bytes // 8),
        )
        reader = threading.Thread(target=self._read, args=(intake,), name=f"snapshot {self._stream}", daemon=True)
        reader.start()
        whole = False
        try:
            while True:
                piece = intake.take()
                if piece:
                    yield piece
                elif piece is None:
                    self._deadline.check(f"Reading the snapshot of {self._stream}")
                else:
                    break
            whole = True
        finally:
            if not whole:
                self._session.close()  # the server stops sending, and the thread stops reading
            reader.join()
            if whole:
                self._session.unsubscribe(self._subscription)
        self.outcome = dataclasses.replace(self.outcome, most_waiting_bytes=intake.most_bytes)

    def _window(self) -> int:
        if self._window_bytes:
            return self._window_bytes
        return _FAR_WINDOW_BYTES if self._session.round_trip() > _FAR_SECONDS else 0

    def _ask(self, what: str, subject: str, body: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        answer = self._session.ask(subject, json.dumps(body).encode(), timeout=_REQUEST_SECONDS, what=what)
        return decoded(what, answer)

    # --- the thread that reads ---

    def _read(self, intake: Intake) -> None:
        channel = self._session.channel
        try:
            last = time.monotonic()
            while True:
                delivery_or_none = channel.read(_TICK_SECONDS)
                self._deadline.check(f"Reading the snapshot of {self._stream}")
                if delivery_or_none is None:
                    intake.tick()
                    last = self._check_idle(last, intake)
                    continue
                if delivery_or_none.subject == self._inbox:
                    last = time.monotonic()
                if self._took(delivery_or_none, intake):
                    return intake.end()
        except BaseException as error:  # it belongs to the thread that takes the pieces
            intake.end(error)

    def _took(self, delivery: Delivery, intake: Intake) -> bool:
        """Take one message; true at the end."""
        if delivery.subject == self._question:
            self._check_there(delivery)
        if delivery.subject != self._inbox:
            return False
        self._asked = False
        if not delivery.data:
            self._conclude(*delivery.status, intake)
            return self._failure is None
        self._chunks += 1
        self._bytes += len(delivery.data)
        self._check_chunk(delivery)
        intake.put(delivery.data, delivery.reply)
        return False

    def _check_chunk(self, delivery: Delivery) -> None:
        """``$JS.SNAPSHOT.ACK.<stream>.<nuid>.<length>.<number>``; the last chunk of some versions has no such
        subject.
        """
        if self._last_came:
            raise self._hole("another chunk came after the last one")
        if not delivery.reply:
            self._last_came = True
            return
        tokens = delivery.reply.split(b".")
        try:
            length, number = int(tokens[-2]), int(tokens[-1])
        except (ValueError, IndexError):
            raise self._hole(
                f"a chunk came with the subject {delivery.reply.decode('utf-8', 'replace')}, which tells no number"
            ) from None
        if number != self._chunks:
            raise self._hole(f"chunk {number} came where {self._chunks} was due")
        if length != len(delivery.data):
            raise self._hole(f"chunk {number} came with {len(delivery.data)} bytes and should have {length}")

    def _hole(self, what: str) -> ServerError:
        return ServerError(
            f"The snapshot of the stream {self._stream} has a hole: {what}.",
            hint="The server or the network lost a part of it. Nothing of it was kept; run it again.",
            transient=True,
        )

    def _check_idle(self, last: float, intake: Intake) -> float:
        now = time.monotonic()
        if self._failure and now - last > _ASK_AFTER_SECONDS:
            raise self._failure
        if intake.holding:
            return now  # it is us whom the server waits for
        if now - last > _ASK_AFTER_SECONDS and not self._asked:
            self._ask_whether_there()
        if now - last > self._idle_seconds:
            raise ServerError(
                f"The server sent nothing of the snapshot of {self._stream} for {self._idle_seconds:g} s, after "
                f"{self._bytes} bytes.",
                hint=(
                    "The stream may have been deleted, or its server may be overloaded: look at its log. Nothing of "
                    "it was kept."
                ),
                transient=True,
            )
        return last

    def _ask_whether_there(self) -> None:
        self._asked = True
        subject = f"{self._session.api_prefix}.STREAM.INFO.{self._stream}"
        self._session.channel.publish(subject.encode(), b"", self._question)

    def _check_there(self, delivery: Delivery) -> None:
        """A server says nothing more of a stream that was deleted while its snapshot was taken, or ends it with the
        error that its reading of the store met, such as ``store is closed`` (2.14 and 2.15).
        """
        try:
            decoded(f"The snapshot of the stream {self._stream}", delivery.data)
        except ServerError as error:  # one without an answer in it is no word about the stream
            if isinstance(error, JetStreamError) and error.err_code == STREAM_NOT_FOUND:
                raise ServerError(
                    f"The stream {self._stream} was deleted while its snapshot was taken, after {self._bytes} bytes.",
                    hint="Nothing of it was kept. Run the backup again, without this stream if it is to stay away.",
                ) from None
        if self._failure:
            raise self._failure

    def _conclude(self, status: str, description: str, intake: Intake) -> None:
        undecided = status != "204" and not (status == "500" and description)
        self.outcome = SnapshotResult(self._chunks, self._bytes, status, description, undecided)
        if status in ("", "204") or (status == "500" and not description):
            return
        said = f"{status} {description}".strip()
        if status == "408":
            slow = intake.untaken_seconds
            because = f" The repositories took nothing for {slow:.0f} s." if slow > _ACK_SECONDS else ""
            raise ServerError(
                f"The server gave up the snapshot of {self._stream} after {self._bytes} bytes: {said}.{because}",
                hint=f"It missed our acknowledgements: allow the user to publish to $JS.SNAPSHOT.ACK.{self._stream}.>, "
                "and look at the "
                "network and at how fast the repositories take data. Nothing of it was kept.",
                transient=True,
            )
        self._failure = ServerError(
            f"The server could not finish the snapshot of {self._stream}, after {self._bytes} bytes: {said}.",
            hint="Look at the server's log. Nothing of it was kept.",
        )
        self._ask_whether_there()  # the answer, or its absence, decides between this and a deleted stream
