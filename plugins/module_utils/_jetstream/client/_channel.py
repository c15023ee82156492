# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One connection to a NATS server for callers that are threads: nats-py does the work in its event loop."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client import _event_loop
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._delivery import Delivery
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    ConnectionLostError,
    MissingPermissionError,
    ServerError,
    no_answer,
    no_responders,
    permission_violation,
)

T = t.TypeVar("T")

TICK_SECONDS = 0.25
_CLOSE_SECONDS = 2.0
_CLOSED = "it was closed"


class Channel:
    """What goes over one connection. Any thread may use it.

    ``on_wait`` is called several times a second while something is waited for, and may raise. ``server`` is how people
    call the other side.
    """

    def __init__(self, server: str) -> None:
        self.server = server
        self.on_wait: t.Callable[[], None] = lambda: None
        self.closed = False
        self._client: t.Any = None
        self._reason = ""
        self._changed = threading.Condition()
        self._came: collections.deque[Delivery | LifeboatError] = collections.deque()
        self._asking: dict[asyncio.Future[t.Any], str] = {}  # of the event loop's thread alone
        self._no_inbox: MissingPermissionError | None = None

    def use(self, client: t.Any) -> None:
        """The client, which has this for its listener."""
        self._client = client

    @property
    def info(self) -> dict[str, t.Any]:
        """What the server tells of itself."""
        return t.cast(dict[str, t.Any], self._client.info)

    @property
    def is_lost(self) -> bool:
        """Whether the other side, or the network, has ended it."""
        return self.closed and self._reason != _CLOSED

    # --- what comes: called in the thread of the event loop ---

    def came(self, deliveries: list[Delivery]) -> None:
        """Messages of raw subscriptions."""
        self._came.extend(deliveries)
        with self._changed:
            self._changed.notify_all()

    def refused(self, text: str) -> bool:
        """An error that the server tells. A missing permission ends the request that waits for it, or the next read."""
        violation = permission_violation(text, self.server)
        if violation is None:
            return False
        if violation.verb == "subscribe":
            self._no_inbox = violation
        waiting = [
            future
            for future, subject in self._asking.items()
            if violation.verb == "subscribe" or subject == violation.subject
        ]
        for future in waiting:
            if not future.done():
                future.set_exception(violation)
        if not waiting:
            self._fail(violation)
        return True

    def ended(self, reason: str) -> None:
        """The connection is gone, by our will or not."""
        self._reason = self._reason or reason or "the other side closed it"
        self.closed = True
        lost = self._lost()
        for future in self._asking:
            if not future.done():
                future.set_exception(lost)
        self._fail(lost)

    def _fail(self, error: LifeboatError) -> None:
        self._came.append(error)
        with self._changed:
            self._changed.notify_all()

    # --- raw subscriptions: messages as they came ---

    def read(self, timeout: float) -> Delivery | None:
        """The next message, or None when none came in time (0: only what is there already).

        Raises MissingPermissionError, ConnectionLostError, or what ``on_wait`` raises.
        """
        try:
            item = self._came.popleft()
        except IndexError:
            found = self._awaited(timeout) if timeout > 0 else None
            if found is None:
                if self.closed:
                    raise self._lost() from None
                return None
            item = found
        if isinstance(item, Delivery):
            return item
        raise item

    def _awaited(self, timeout: float) -> Delivery | LifeboatError | None:
        end = time.monotonic() + timeout
        while True:
            with self._changed:
                left = end - time.monotonic()
                if not self._came and left > 0 and not self.closed:
                    self._changed.wait(min(left, TICK_SECONDS))
                if self._came:
                    return self._came.popleft()
            if left <= 0 or self.closed:
                return None
            self.on_wait()

    def subscribe(self, subject: str) -> t.Any:
        """Have the messages of a subject come out of ``read``. Gives what ends it."""
        self._client.raw_subjects.add(subject)
        return self._done(self._client.subscribe(subject))

    def unsubscribe(self, subscription: t.Any) -> None:
        """The end of it."""
        self._done(subscription.unsubscribe())

    # --- sending ---

    def publish(self, subject: bytes, payload: bytes | memoryview = b"", reply: bytes = b"") -> None:
        """Send a message without headers, after those before it. What is on its way is for the caller to bound."""
        self._begin(self._client.publish(subject.decode(), payload, reply.decode()))

    def publish_empty(self, subjects: t.Sequence[bytes]) -> None:
        """Send an empty message to each of these subjects."""
        self._begin(self._publish_empty([subject.decode() for subject in subjects]))

    async def _publish_empty(self, subjects: t.Sequence[str]) -> None:
        for subject in subjects:
            await self._client.publish(subject)

    def _begin(self, work: t.Coroutine[t.Any, t.Any, None]) -> None:
        if self.closed:
            work.close()
            raise self._lost()
        _event_loop.submit(self._sent(work))

    async def _sent(self, work: t.Coroutine[t.Any, t.Any, None]) -> None:
        try:
            await work
        except Exception as error:  # of a library: whatever it is, the message is not on its way
            if not self.closed:
                self._fail(self._lost(str(error)))

    # --- requests ---

    def ask(
        self, subject: str, payload: bytes, timeout: float, what: str, headers: dict[str, str] | None = None
    ) -> bytes:
        """The answer to a request.

        Raises NoAnswerError, MissingPermissionError, ConnectionLostError, or what ``on_wait`` raises.
        """
        return self._done(self._ask(subject, payload, timeout, what, headers))

    async def _ask(
        self, subject: str, payload: bytes, timeout: float, what: str, headers: dict[str, str] | None
    ) -> bytes:
        errors = _library_errors()
        if self._no_inbox is not None:
            raise self._no_inbox
        refused: asyncio.Future[t.Any] = asyncio.get_running_loop().create_future()
        self._asking[refused] = subject
        request = asyncio.ensure_future(self._client.request(subject, payload, timeout=timeout, headers=headers))
        try:
            await asyncio.wait((request, refused), return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise t.cast(Exception, refused.exception())
            return bytes((await request).data)
        except errors.NoRespondersError:
            raise no_responders(what, subject) from None
        except errors.TimeoutError:
            raise no_answer(what, timeout) from None
        finally:
            del self._asking[refused]
            refused.cancel()
            request.cancel()

    def round_trip(self, timeout: float) -> float | None:
        """Seconds that the server takes to answer; None when it does not in time.

        What was published before has been looked at by then: raises MissingPermissionError for it.
        """
        seconds = self._done(self._round_trip(timeout))
        for item in list(self._came):
            if isinstance(item, LifeboatError):
                with contextlib.suppress(ValueError):
                    self._came.remove(item)
                raise item
        return seconds

    async def _round_trip(self, timeout: float) -> float | None:
        errors = _library_errors()
        try:
            await self._client.flush(timeout)  # a PING overtakes what waits to be sent; the next one does not
            return t.cast(float, await self._client.rtt(timeout))
        except (errors.TimeoutError, asyncio.TimeoutError):
            return None

    def _done(self, work: t.Coroutine[t.Any, t.Any, T]) -> T:
        if self.closed:
            work.close()
            raise self._lost()
        try:
            return _event_loop.wait_for(work, self.on_wait, TICK_SECONDS)
        except _library_errors().ConnectionClosedError:
            raise self._lost() from None
        except _library_errors().Error as error:
            raise ServerError(f"NATS at {self.server} cannot be used like this: {error}.") from None

    # --- the end ---

    def close(self) -> None:
        """End the connection. May be called twice, and from another thread; who reads sees the end."""
        if self.closed:
            return
        self._reason = _CLOSED
        self.closed = True
        self._fail(self._lost())
        with contextlib.suppress(Exception):
            _event_loop.submit(self._client.end(_CLOSE_SECONDS)).result(_CLOSE_SECONDS + 1)

    def _lost(self, why: str = "") -> ConnectionLostError:
        return ConnectionLostError(
            f"The connection to NATS at {self.server} was lost: {why or self._reason}.",
            hint="Look at the server's log, and at the network between; then run it again.",
            transient=True,
        )


def _library_errors() -> t.Any:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client import _nats_client

    return _nats_client.classes()[1]
