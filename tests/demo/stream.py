# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application at the stream, with nats-py, and the witness that reads it back: over a plain socket, sharing nothing
with the collection, nor with nats-py, which the collection uses.
"""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import contextlib
import dataclasses
import hashlib
import json
import random
import threading
import types
import typing as t

import nats
import nats.aio.client
import nats.errors
import nats.js.api
import nats.js.errors

from tests.lab.natswitness import Witness
from tests.lab.throwaway import LabError

STREAM = "PACKAGES"
BUCKET = "sections"
KEY_VALUES = f"KV_{BUCKET}"  # the stream that the bucket is kept in
CONSUMER = "mirror"
READ_BY_CONSUMER = 500
_HISTORY = 5
_UNANSWERED = 500  # so many messages go out before one is answered: a server drops what it cannot store in time
_SECONDS = 60.0
_PAUSE_SECONDS = 0.02

T = t.TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Version:
    """A package version of the index: what one message tells of."""

    section: str
    package: str
    version: str

    @property
    def subject(self) -> str:
        """Such as ``packages.libs``."""
        return f"packages.{self.section}"

    def message(self, number: int = 0) -> bytes:
        """Its text. A number makes a newer version of it."""
        version = f"{self.version}+lab{number}" if number else self.version
        return json.dumps({"package": self.package, "version": version}).encode()


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the witness has read: messages and revisions that are just what was published, those that are not, and the
    consumer.
    """

    messages: int
    revisions: int
    different: int
    acknowledged: int


class Application:
    """Use it as a context manager, around a running server. Publishes in a thread of its own, and remembers what it has
    published.

    A message for each package version goes to ``packages.<section>``; the bucket ``sections`` has how many each section
    has.
    """

    def __init__(self, url: str) -> None:
        self.messages: dict[int, bytes] = {}  # by sequence: a digest of subject and text
        self.revisions: dict[int, bytes] = {}
        self._url = url
        self._versions: list[Version] = []
        self._counts: collections.Counter[str] = collections.Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="application", daemon=True)
        self._client: nats.aio.client.Client | None = None
        self._publishing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    def __enter__(self) -> Application:
        self._thread.start()
        self._client = self._do(_connect(self._url))
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        # What the client's own tasks meet as it is ended is nothing to tell a person of, least of all with a trace.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        with contextlib.suppress(Exception):
            self._do(self._end(), 10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        if not self._thread.is_alive():
            self._loop.close()

    @property
    def last_sequence(self) -> int:
        """Of what the server has acknowledged."""
        return max(self.messages)

    def load(self, versions: collections.abc.Sequence[Version]) -> None:
        """Make the stream, the bucket and the consumer, and publish every version."""
        self._versions = list(versions)
        self._do(self._load())

    def start(self) -> None:
        """Go on publishing, about 50 messages and 50 new values a second."""
        self._publishing = self._do(self._start())

    def pause(self) -> None:
        """Publish no more until ``resume``. What was sent is acknowledged when this returns."""
        self._do(self._turn.acquire())

    def resume(self, last: t.Mapping[str, int]) -> int:
        """Go on behind these sequences of each stream, and give that of the next message that the server has
        acknowledged.
        """
        self.messages = {at: what for at, what in self.messages.items() if at <= last[STREAM]}
        self.revisions = {at: what for at, what in self.revisions.items() if at <= last[KEY_VALUES]}
        self._loop.call_soon_threadsafe(self._turn.release)
        return self._do(self._next(last[STREAM]))

    def read_back(self, last: t.Mapping[str, int]) -> Seen:
        """What is there now up to these sequences of each stream, read by a client that knows nothing but the server's
        address.
        """
        with Witness(self._url) as witness:
            messages = [what == self.messages.get(at) for at, what in _read(witness, STREAM, "", last[STREAM])]
            values = _read(witness, KEY_VALUES, f"$KV.{BUCKET}.", last[KEY_VALUES])
            revisions = [what == self.revisions.get(at) for at, what in values]
            consumer = witness.ask(f"CONSUMER.INFO.{STREAM}.{CONSUMER}")
        acknowledged = int(consumer["ack_floor"]["stream_seq"])
        return Seen(sum(messages), sum(revisions), [*messages, *revisions].count(False), acknowledged)

    def remember(self, sequence: int, version: Version, number: int = 0) -> None:
        """What was published as this sequence."""
        self.messages[sequence] = digest(version.subject, version.message(number))

    # --- in the thread ---

    def _do(self, work: collections.abc.Coroutine[t.Any, t.Any, T], seconds: float = _SECONDS) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except (nats.errors.Error, TimeoutError) as error:
            future.cancel()
            raise LabError(f"The NATS client failed: {str(error) or type(error).__name__}") from error

    async def _load(self) -> None:
        assert self._client is not None
        context = self._client.jetstream()
        await context.add_stream(name=STREAM, subjects=["packages.>"])
        for at, version in enumerate(self._versions, 1):
            self.remember(at, version)
            self._counts[version.section] += 1
            if at % _UNANSWERED == 0 or at == len(self._versions):
                await context.publish(version.subject, version.message(), timeout=_SECONDS)
            else:
                await self._client.publish(version.subject, version.message())
        stored = (await context.stream_info(STREAM)).state.messages
        if stored != len(self._versions):
            raise LabError(f"The server has stored {stored} of {len(self._versions)} messages.")
        bucket = await context.create_key_value(bucket=BUCKET, history=_HISTORY)
        for section, count in self._counts.items():
            self.revisions[await bucket.put(section, b"%d" % count)] = digest(section, b"%d" % count)
        await self._read_some(context)

    @staticmethod
    async def _read_some(context: nats.js.JetStreamContext) -> None:
        """A durable consumer, which knows how far it has come."""
        await context.add_consumer(STREAM, durable_name=CONSUMER, ack_policy=nats.js.api.AckPolicy.ALL)
        subscription = await context.pull_subscribe_bind(CONSUMER, STREAM)
        read = 0
        while read < READ_BY_CONSUMER:
            messages = await subscription.fetch(READ_BY_CONSUMER - read, timeout=_SECONDS)
            read += len(messages)
            await messages[-1].ack_sync(timeout=_SECONDS)
        await subscription.unsubscribe()

    async def _start(self) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._publish_on())

    async def _publish_on(self) -> None:
        assert self._client is not None
        context = self._client.jetstream()
        bucket = await context.key_value(BUCKET)
        chance = random.Random(1)
        number = 0
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            async with self._turn:
                number += 1
                version = chance.choice(self._versions)
                with contextlib.suppress(nats.errors.Error, TimeoutError):  # a busy server: the next one will do
                    answer = await context.publish(version.subject, version.message(number), timeout=_SECONDS)
                    self.remember(answer.seq, version, number)
                    self._counts[version.section] += 1
                    count = b"%d" % self._counts[version.section]
                    self.revisions[await bucket.put(version.section, count)] = digest(version.section, count)

    async def _next(self, last: int) -> int:
        while self.last_sequence == last:
            await asyncio.sleep(_PAUSE_SECONDS)
        return min(at for at in self.messages if at > last)

    async def _end(self) -> None:
        if self._publishing is not None:
            self._publishing.cancel()
            await asyncio.gather(self._publishing, return_exceptions=True)
        if self._client is not None:
            await self._client.close()


def digest(name: str, content: bytes) -> bytes:
    """Of one message, or of one value of a key."""
    return hashlib.sha256(name.encode() + b"\0" + content).digest()


def streams_of(url: str) -> int:
    """How many streams the account has."""

    async def ask() -> int:
        client = await _connect(url)
        try:
            return len(await client.jetstream().streams_info())
        finally:
            await client.close()

    return asyncio.run(ask())


def _read(witness: Witness, stream: str, prefix: str, last: int) -> collections.abc.Iterator[tuple[int, bytes]]:
    """Sequence and digest of each message up to `last`. The prefix is what the digest's name is without."""
    for at, _time, subject, _headers, data in witness.rows(stream, last):
        yield at, digest(subject.removeprefix(prefix), data)


async def _connect(url: str) -> nats.aio.client.Client:
    async def ignore(_error: Exception) -> None:
        """The server is stopped on purpose; nats-py would write that to the terminal."""

    return await nats.connect(
        url, connect_timeout=30, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=ignore
    )
