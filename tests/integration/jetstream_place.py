# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A NATS account as a client of its own sees it, and the module jetstream_snapshot beside it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import threading
import time
import types
import typing as t

import nats
import nats.aio.client
import nats.aio.msg
import nats.errors
import nats.js
import nats.js.errors

from tests.integration.modules import run_module, start_module
from tests.lab.natswitness import Row, Witness

_SECONDS = 30.0


class Client:
    """The application, with nats-py as the collection, without coroutines for the caller.

    What is in a stream is not read with it, but by a witness that shares nothing with either, unless ``options``
    (nats-py's own) sign in in a way that the witness cannot. Use it as a context manager.
    """

    def __init__(self, url: str | t.Sequence[str], **options: t.Any) -> None:
        self._urls = [url] if isinstance(url, str) else list(url)
        self._witnessed = not options
        self._options = {"connect_timeout": 10, "max_reconnect_attempts": -1, "reconnect_time_wait": 0.1, **options}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connection: nats.aio.client.Client | None = None

    def __enter__(self) -> Client:
        self._thread.start()
        self._connection = self._wait(nats.connect(self._urls, **self._options))
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):
            self._wait(self._nats.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    @property
    def _nats(self) -> nats.aio.client.Client:
        if self._connection is None:
            raise AssertionError("use it inside its `with` block")
        return self._connection

    def _wait(self, work: t.Coroutine[t.Any, t.Any, t.Any]) -> t.Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS * 4)

    def api(self, verb: str, body: dict[str, t.Any] | None = None, *, seconds: float = _SECONDS) -> dict[str, t.Any]:
        """The server's answer, which may be an error."""
        payload = json.dumps(body).encode() if body is not None else b""
        answer = self._wait(self._nats.request(f"$JS.API.{verb}", payload, timeout=seconds))
        return t.cast("dict[str, t.Any]", json.loads(answer.data))

    def good(self, verb: str, body: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """The same, and an error fails the test."""
        answer = self.api(verb, body)
        assert "error" not in answer, f"{verb}: {answer['error']}"
        return answer

    def make(self, name: str, **config: t.Any) -> None:
        """A stream; its subjects are ``<name in small letters>.>`` if not given."""
        given = {"name": name, "storage": "file", "num_replicas": 1, **config}
        if "subjects" not in given and "mirror" not in given and "sources" not in given:
            given["subjects"] = [f"{name.lower()}.>"]
        self.good(f"STREAM.CREATE.{name}", given)

    def consume(self, stream: str, name: str, *, acknowledge: int = 0, **config: t.Any) -> None:
        """A durable consumer that has acknowledged so many messages."""
        given = {"durable_name": name, "ack_policy": "explicit", "deliver_policy": "all", **config}
        self.good(f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": given})
        if acknowledge:
            self._wait(self._acknowledge(stream, name, acknowledge))

    async def _acknowledge(self, stream: str, name: str, count: int) -> None:
        subscription = await self._nats.jetstream().pull_subscribe_bind(name, stream)
        for message in await self._fetch(subscription, count):
            await message.ack_sync()
        await subscription.unsubscribe()

    async def _fetch(
        self, subscription: nats.js.JetStreamContext.PullSubscription, count: int
    ) -> list[nats.aio.msg.Msg]:
        """The next messages. In a cluster, a new consumer may have a leader of which our server has not heard yet: the
        server then answers that nobody is there (503).
        """
        limit = time.monotonic() + _SECONDS
        while True:
            try:
                return await subscription.fetch(count, timeout=_SECONDS)
            except nats.js.errors.ServiceUnavailableError:
                if time.monotonic() > limit:
                    raise
                await asyncio.sleep(0.1)

    def publish(
        self, subject: str, data: bytes | int, *, count: int = 1, headers: dict[str, str] | None = None
    ) -> None:
        """Publish, ``count`` messages with ``{}`` in the subject replaced by their number, and wait until the server
        has them.

        A number as ``data`` means so many random bytes, different each time: no server makes them smaller.
        """
        self._wait(self._publish(subject, data, count, headers))

    async def _publish(self, subject: str, data: bytes | int, count: int, headers: dict[str, str] | None) -> None:
        def content() -> bytes:
            return os.urandom(data) if isinstance(data, int) else data

        for number in range(count - 1):
            await self._nats.publish(subject.format(number), content(), headers=headers)
        await self._nats.jetstream().publish(subject.format(count - 1), content(), headers=headers, timeout=_SECONDS)

    def state(self, stream: str) -> dict[str, t.Any]:
        """The stream's state."""
        return t.cast("dict[str, t.Any]", self.good(f"STREAM.INFO.{stream}")["state"])

    def config(self, stream: str) -> dict[str, t.Any]:
        """The stream's configuration."""
        return t.cast("dict[str, t.Any]", self.good(f"STREAM.INFO.{stream}")["config"])

    def names(self) -> list[str]:
        """Of all streams of the first page."""
        return sorted(self.good("STREAM.NAMES")["streams"] or [])

    def consumers(self, stream: str) -> dict[str, dict[str, t.Any]]:
        """By name."""
        return {one["name"]: one for one in self.good(f"CONSUMER.LIST.{stream}")["consumers"] or []}

    def rows(self, stream: str) -> list[Row]:
        """Every message, read one by one without a consumer."""
        if self._witnessed:
            with Witness(self._urls) as witness:
                return witness.rows(stream)
        state = self.state(stream)
        return t.cast(
            "list[Row]", self._wait(self._rows(stream, range(max(1, state["first_seq"]), state["last_seq"] + 1)))
        )

    async def _rows(self, stream: str, sequences: range) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(sequences), 500):
            asked = sequences[start : start + 500]
            answers = await asyncio.gather(
                *(
                    self._nats.request(
                        f"$JS.API.STREAM.MSG.GET.{stream}", json.dumps({"seq": n}).encode(), timeout=_SECONDS
                    )
                    for n in asked
                )
            )
            for answer in answers:
                message = json.loads(answer.data).get("message")
                if message:
                    parts = (base64.b64decode(message.get(part) or "") for part in ("hdrs", "data"))
                    found.append((message["seq"], message["time"], message["subject"], *parts))
        return found

    @contextlib.contextmanager
    def listening(self, subject: str) -> t.Iterator[list[str]]:
        """The subjects of what an ordinary subscriber gets meanwhile."""
        seen: list[str] = []

        async def came(message: t.Any) -> None:
            seen.append(message.subject)

        subscription = self._wait(self._nats.subscribe(subject, cb=came))
        self._wait(self._nats.flush())
        try:
            yield seen
        finally:
            self._wait(subscription.unsubscribe())

    def put_object(self, bucket: str, name: str, content: bytes) -> None:
        """Into an object store, which is made if it is not there."""
        self._wait(self._put_object(bucket, name, content))

    async def _put_object(self, bucket: str, name: str, content: bytes) -> None:
        context = self._nats.jetstream()
        try:
            store = await context.object_store(bucket)
        except nats.js.errors.NotFoundError:
            store = await context.create_object_store(bucket)
        await store.put(name, content)

    def object_sha256(self, bucket: str, name: str) -> str:
        """Of an object's content; the client checks the store's own digest, too."""

        async def read() -> bytes:
            found = await (await self._nats.jetstream().object_store(bucket)).get(name)
            return bytes(found.data or b"")

        return hashlib.sha256(self._wait(read())).hexdigest()

    def put_key(self, bucket: str, key: str, *values: bytes) -> None:
        """Into a key-value bucket with a history of 5, which is made if it is not there."""

        async def put() -> None:
            context = self._nats.jetstream()
            try:
                store = await context.key_value(bucket)
            except nats.js.errors.NotFoundError:
                store = await context.create_key_value(bucket=bucket, history=5)
            for value in values:
                await store.put(key, value)

        self._wait(put())

    def key_history(self, bucket: str, key: str) -> list[tuple[int, bytes]]:
        """Revisions and values.

        From the messages: nats-py's own history finds nothing where the server is faster than it looks.
        """
        name = f"$KV.{bucket}.{key}"
        return [
            (sequence, data)
            for sequence, _time, subject, _headers, data in self.rows(f"KV_{bucket}")
            if subject == name
        ]


class Place:
    """A repository, the module's state, and the arguments that name them."""

    def __init__(self, folder: pathlib.Path, *, copies: int = 1) -> None:
        self.folder = folder
        self.repositories = [folder / f"copy{number + 1}" for number in range(copies)]

    def arguments(self, url: str | t.Sequence[str], **options: t.Any) -> dict[str, t.Any]:
        """For either state."""
        where = {"url": url} if isinstance(url, str) else {"servers": list(url)}
        repositories = [{"path": str(path)} for path in self.repositories]
        named = {
            "app": "shop",
            "component": "events",
            "repositories": repositories,
            "state_dir": str(self.folder / "state"),
        }
        return {**named, **where, **options}

    def back_up(self, url: str | t.Sequence[str], **options: t.Any) -> dict[str, t.Any]:
        """A backup that has to go well."""
        result = run_module("jetstream_snapshot", self.arguments(url, **options))
        assert not result.get("failed"), result
        return result

    def restore(self, url: str | t.Sequence[str], *, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        """A restore of the newest backup that has to go well."""
        result = self.try_restore(url, check_mode=check_mode, **options)
        assert not result.get("failed"), result
        return result

    def try_restore(
        self, url: str | t.Sequence[str], *, check_mode: bool = False, **options: t.Any
    ) -> dict[str, t.Any]:
        """The same, and it may fail."""
        return run_module(
            "jetstream_snapshot",
            self.arguments(url, state="restored", **{"backup": "newest", **options}),
            check_mode=check_mode,
        )

    def fail_to_back_up(self, url: str | t.Sequence[str], **options: t.Any) -> str:
        """What a backup that has to fail says. It may leave nothing."""
        before = self.files()
        result = run_module("jetstream_snapshot", self.arguments(url, **options))
        assert result.get("failed"), result
        assert self.files() == before
        return str(result["msg"])

    def start(self, url: str | t.Sequence[str], **options: t.Any) -> t.Any:
        """The module as a process, not waited for."""
        return start_module("jetstream_snapshot", self.arguments(url, **options))

    def files(self) -> list[str]:
        """What lies in the repositories."""
        return sorted(str(path) for repository in self.repositories for path in repository.rglob("*") if path.is_file())

    def backup_folder(self, copy: int = 0) -> pathlib.Path:
        """Of the newest backup."""
        return max((self.repositories[copy] / "shop" / "events").iterdir())

    def manifest(self) -> dict[str, t.Any]:
        """Of the newest backup."""
        return t.cast("dict[str, t.Any]", json.loads((self.backup_folder() / "manifest.json").read_bytes()))


def warnings_of(result: dict[str, t.Any]) -> str:
    """All warnings of a module's result in one text."""
    return json.dumps(result.get("warnings") or [])


def wait_for(condition: t.Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait until it is so; fails the test after ``seconds``.

    That a server does not answer means that it is not so yet: a cluster answers for a stream when that has a leader.
    """
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(nats.errors.TimeoutError):
            if condition():
                return
        assert time.monotonic() < end, f"waited {seconds:g} s: {what}"
        time.sleep(0.01)
