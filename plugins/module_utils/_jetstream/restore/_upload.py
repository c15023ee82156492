# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""Sends one stream's archive to the server (``$JS.API.STREAM.RESTORE``, server/jetstream_api.go).

Many chunks are under way at a time: the server answers each in its order, and a distance costs nothing. The connection
is for this alone, because from 2.12.6 on the server makes it wait while it writes.
"""

from __future__ import annotations

import collections
import contextlib
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._pieces import joined
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._delivery import Delivery
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    JetStreamError,
    ServerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session, decoded, token
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._supply import Supply

_CHUNK_BYTES = 512 * 1024
_WINDOW_BYTES = 16 << 20
_FAR_WINDOW_BYTES = 32 << 20
_FAR_SECONDS = 0.03
_REQUEST_SECONDS = 60.0  # a cluster first finds servers with room for it
_TRICKLE_AFTER_SECONDS = 1.0  # of the five that the server waits
_STALL_SECONDS = 300.0
_LONGEST_SECONDS = 24 * 3600.0
_TICK_SECONDS = 0.25
_UNHEARD_SECONDS = 4.0  # of the five that the server waits for the first chunk
_AGAIN_SECONDS = 0.05
_NOBODY_LISTENS = "503"


def upload(
    session: Session,
    stream: str,
    config: t.Mapping[str, t.Any],
    state: t.Mapping[str, t.Any],
    pieces: t.Iterator[bytes],
    *,
    chunk_bytes: int = 0,
    window_bytes: int = 0,
    deadline: Deadline | None = None,
    on_sent: t.Callable[[int], None] = lambda count: None,
    stall_seconds: float = _STALL_SECONDS,
) -> dict[str, t.Any]:
    """Restore a stream from the pieces of its archive. Returns the server's final answer: the stream's info.

    ``on_sent`` gets the bytes that the server has taken. The session is for this upload alone, and closed when it
    fails. ``stall_seconds`` is how long the source may give nothing. Closes ``pieces``.

    Raises JetStreamError (``transient`` where the same may go well in a moment: the races of 2.15 after a delete),
    ServerError, MissingPermissionError, ConnectionLostError, DeadlineError, and what ``pieces`` raises. What a failed
    restore leaves is the caller's to remove: nothing up to 2.14, a stream with a part of the messages from 2.15 on.
    """
    deadline = deadline or session.deadline
    subject = f"{session.api_prefix}.STREAM.RESTORE.{token('stream', stream)}"
    chunk_bytes = chunk_bytes or _CHUNK_BYTES
    chunk_bytes = min(chunk_bytes, session.max_payload)
    window_bytes = window_bytes or (_FAR_WINDOW_BYTES if session.round_trip() > _FAR_SECONDS else _WINDOW_BYTES)
    try:
        with Supply(joined(pieces, chunk_bytes), chunk_bytes, f"The archive of {stream}") as supply:
            supply.wait_for_first(deadline, stall_seconds)
            answer = session.request(
                subject,
                {"config": dict(config), "state": dict(state)},
                timeout=_REQUEST_SECONDS,
                what=f"The restore of the stream {stream}",
            )
            sending = _Sending(session, stream, str(answer["deliver_subject"]), window_bytes, deadline, on_sent)
            while True:
                chunk = supply.chunk(_TRICKLE_AFTER_SECONDS, stall_seconds)
                if chunk is None:
                    return sending.finish()
                sending.send(chunk)
    except BaseException:
        session.close()
        raise


class _Sending:
    """The chunks under way. Each has a reply subject with its number, and is answered in its turn."""

    def __init__(
        self,
        session: Session,
        stream: str,
        subject: str,
        window_bytes: int,
        deadline: Deadline,
        on_sent: t.Callable[[int], None],
    ) -> None:
        self._channel = session.channel
        self._stream = stream
        self._subject = subject.encode()
        self._inbox = f"{session.inbox}.chunk".encode()
        self._window_bytes = window_bytes
        self._deadline = deadline
        self._on_sent = on_sent
        self._sizes: collections.deque[int] = collections.deque()
        self._under_way = self._taken = 0
        self._sent_chunks = self._answered_chunks = 0

    def send(self, chunk: memoryview) -> None:
        """Send one chunk when the window has room for it."""
        self._deadline.check(f"Sending {self._stream}")
        if not self._sent_chunks:
            return self._send_first(chunk)
        while self._sizes and self._under_way + len(chunk) > self._window_bytes:
            self._answer(self._awaited())
        self._publish(chunk)
        while self._sizes:
            delivery = self._channel.read(0)
            if delivery is None:
                break
            self._answer(delivery)

    def _send_first(self, chunk: memoryview) -> None:
        """Send the first chunk until somebody takes it, and nothing beside it.

        In a cluster another server may do the restore, and the one that we are connected to may not know yet that it
        listens: then it answers 503 for it. Were more under way, they could arrive without the first one.
        """
        give_up = time.monotonic() + _UNHEARD_SECONDS
        self._publish(chunk)
        while self._sizes:
            delivery = self._awaited()
            if (
                delivery.subject != self._reply(1)
                or delivery.status[0] != _NOBODY_LISTENS
                or time.monotonic() > give_up
            ):
                self._answer(delivery)
                continue
            time.sleep(_AGAIN_SECONDS)
            self._channel.publish(self._subject, chunk, self._reply(1))

    def finish(self) -> dict[str, t.Any]:
        """Send the end, and wait for the server's word: it may take minutes."""
        while self._sizes:
            self._answer(self._awaited())
        self._sent_chunks += 1
        reply = self._reply(self._sent_chunks)
        self._channel.publish(self._subject, b"", reply)
        while True:
            delivery = self._awaited()
            if delivery.subject == reply:
                break
        self._check_status(delivery)
        return decoded(f"The restore of the stream {self._stream}", delivery.data)

    def _publish(self, chunk: memoryview) -> None:
        self._sent_chunks += 1
        self._channel.publish(self._subject, chunk, self._reply(self._sent_chunks))
        self._sizes.append(len(chunk))
        self._under_way += len(chunk)

    def _awaited(self) -> Delivery:
        """The next message. Raises DeadlineError."""
        give_up = time.monotonic() + _LONGEST_SECONDS
        while time.monotonic() < give_up:
            delivery = self._channel.read(_TICK_SECONDS)
            self._deadline.check(f"Waiting for the server to restore {self._stream}")
            if delivery is not None:
                return delivery
        raise DeadlineError(f"The server did not answer the restore of {self._stream} within a day.")

    def _answer(self, delivery: Delivery) -> None:
        if delivery.subject != self._reply(self._answered_chunks + 1):
            return  # a late answer to something older
        self._answered_chunks += 1
        self._check_status(delivery)
        if delivery.data:
            raise self._refusal(delivery.data)
        size = self._sizes.popleft()
        self._under_way -= size
        self._taken += size
        self._on_sent(size)

    def _reply(self, number: int) -> bytes:
        return b"%s.%d" % (self._inbox, number)

    def _check_status(self, delivery: Delivery) -> None:
        """503: the server has given this restore up, without a word (server/jetstream_api.go, after five seconds
        without a chunk).
        """
        if delivery.status[0] == _NOBODY_LISTENS:
            raise ServerError(
                f"The server gave up the restore of {self._stream} after {self._taken} bytes, without saying why.",
                hint="Its log may say more. It gives up when nothing comes for five seconds, and when it is restarted.",
                transient=True,
            )

    def _refusal(self, payload: bytes) -> ServerError:
        """A chunk is answered with nothing; an error is JSON since 2.12.6, and ``-ERR '…'`` before."""
        what = f"The restore of the stream {self._stream}"
        text = payload.decode("utf-8", "replace").strip()
        with contextlib.suppress(ValueError):
            answer = read_json(text)
            if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
                return JetStreamError(what, answer["error"])
        return JetStreamError(what, {"description": text.replace("-ERR", "").strip(" '")})
