# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NATS servers that the tests share, one of each version, and what fills their streams, through a client that is not
the collection's.

A test that stops, limits or damages a server starts one of its own. Streams on a shared one have names of their own.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import json
import random
import secrets
import typing as t

import nats
import nats.aio.client
import pytest

from tests.lab.nats import NatsServer

Servers = collections.abc.Callable[[str], NatsServer]
_UNANSWERED = 500


@pytest.fixture(scope="session")
def nats_server() -> collections.abc.Iterator[Servers]:
    """The shared server of a version: ``nats_server("2.14")``. Everybody is let in."""
    with contextlib.ExitStack() as stack:
        running: dict[str, NatsServer] = {}

        def server(version: str) -> NatsServer:
            if version not in running:
                running[version] = stack.enter_context(NatsServer(version))
            return running[version]

        yield server


def new_name(prefix: str = "S") -> str:
    """A name that no other test uses."""
    return f"{prefix}_{secrets.token_hex(4)}"


def request(url: str, subject: str, body: t.Mapping[str, t.Any] | None = None) -> dict[str, t.Any]:
    """One request; the answer may be an error."""

    async def work(client: nats.aio.client.Client) -> dict[str, t.Any]:
        answer = await client.request(subject, json.dumps(body).encode() if body is not None else b"", timeout=30)
        return t.cast("dict[str, t.Any]", json.loads(answer.data))

    return with_client(url, work)


def make_stream(url: str, name: str, messages: int = 0, size: int = 1024, **config: t.Any) -> dict[str, t.Any]:
    """Make a stream on the subjects ``<name>.>`` with so many messages of random bytes.

    Returns the server's STREAM.INFO.
    """

    async def work(client: nats.aio.client.Client) -> dict[str, t.Any]:
        wanted = {
            "name": name,
            "subjects": [f"{name}.>"],
            "retention": "limits",
            "storage": "file",
            "num_replicas": 1,
            **config,
        }
        answer = json.loads(
            (await client.request(f"$JS.API.STREAM.CREATE.{name}", json.dumps(wanted).encode(), timeout=30)).data
        )
        assert "error" not in answer, answer
        await _publish(client, name, messages, size)
        return t.cast(
            "dict[str, t.Any]", json.loads((await client.request(f"$JS.API.STREAM.INFO.{name}", b"", timeout=30)).data)
        )

    return with_client(url, work)


def publish(url: str, name: str, messages: int, size: int = 1024) -> None:
    """Add messages to a stream of ``make_stream``; all are stored when it returns."""
    with_client(url, lambda client: _publish(client, name, messages, size))


async def _publish(client: nats.aio.client.Client, name: str, messages: int, size: int) -> None:
    chance = random.Random(name)  # what it gives is the same each time, and cannot be compressed
    for number in range(1, messages + 1):
        payload, subject = chance.randbytes(size), f"{name}.{number % 50}"
        if number == messages or number % _UNANSWERED == 0:
            answer = json.loads((await client.request(subject, payload, timeout=60)).data)
            assert "error" not in answer, answer
        else:
            await client.publish(subject, payload)


T = t.TypeVar("T")


def with_client(url: str, work: collections.abc.Callable[[nats.aio.client.Client], collections.abc.Awaitable[T]]) -> T:
    """Do something with a client of its own."""

    async def run() -> T:
        client = await nats.connect(url, allow_reconnect=False)
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(run())
