# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots of real servers of every version, read offline: exactly the messages that a reader of the live stream
sees.
"""

from __future__ import annotations

import asyncio
import base64
import collections.abc
import contextlib
import datetime
import functools
import hashlib
import json
import random
import typing as t

import nats
import nats.aio.client
import nats.aio.msg
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2 import decode, encode
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._convert import read_messages, to_v2
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message, message_digest

from tests.lab.nats import VERSIONS, NatsServer
from tests.lab.throwaway import MissingPrerequisiteError

_SECONDS = 60.0
_CHUNK_BYTES = 256 << 10


class Account:
    """The default account of a server, over the raw API."""

    def __init__(self, connection: nats.aio.client.Client) -> None:
        self._connection = connection

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, server: NatsServer) -> collections.abc.AsyncIterator[Account]:
        """Connected, for the time of the block."""
        connection = await nats.connect(server.url(), connect_timeout=10)
        try:
            yield cls(connection)
        finally:
            await connection.close()

    async def api(self, verb: str, body: t.Any = None) -> dict[str, t.Any]:
        """One request of the API."""
        payload = b"" if body is None else json.dumps(body).encode()
        answer = json.loads((await self._connection.request(f"$JS.API.{verb}", payload, timeout=_SECONDS)).data)
        assert "error" not in answer, (verb, answer["error"])
        return t.cast("dict[str, t.Any]", answer)

    async def create(self, stream: str, **config: t.Any) -> None:
        """Make a stream whose subjects begin with its name in small letters."""
        await self.api(
            f"STREAM.CREATE.{stream}",
            {"name": stream, "subjects": [f"{stream.lower()}.>"], "storage": "file", **config},
        )

    async def publish(
        self, stream: str, messages: collections.abc.Iterable[tuple[str, bytes, dict[str, str] | None]]
    ) -> None:
        """Publish, and wait until the stream has taken all."""
        before = (await self.state(stream))["last_seq"]
        count = 0
        for subject, data, headers in messages:
            await self._connection.publish(f"{stream.lower()}.{subject}", data, headers=headers)
            count += 1
        await self._connection.flush()
        async with asyncio.timeout(_SECONDS):
            while (await self.state(stream))["last_seq"] < before + count:
                await asyncio.sleep(0.01)

    async def state(self, stream: str) -> dict[str, t.Any]:
        """The stream's own count."""
        return t.cast("dict[str, t.Any]", (await self.api(f"STREAM.INFO.{stream}", {}))["state"])

    async def live(self, stream: str) -> list[Message]:
        """What a reader sees, message by message, headers as they are."""
        messages, sequence = [], 1
        while True:
            body = json.dumps({"seq": sequence, "next_by_subj": ">"}).encode()
            answer = json.loads(
                (await self._connection.request(f"$JS.API.STREAM.MSG.GET.{stream}", body, timeout=_SECONDS)).data
            )
            if "error" in answer:
                assert answer["error"]["err_code"] == 10037, answer  # no message found
                return messages
            found = answer["message"]
            headers, data = base64.b64decode(found.get("hdrs", "")), base64.b64decode(found.get("data", ""))
            messages.append(
                Message(found["seq"], _nanoseconds(found["time"]), found["subject"].encode(), headers, data)
            )
            sequence = found["seq"] + 1

    async def snapshot(
        self, stream: str, meanwhile: t.Callable[[], t.Awaitable[None]] | None = None
    ) -> tuple[bytes, dict[str, t.Any]]:
        """The snapshot's bytes and the answer before them."""
        inbox, chunks = self._connection.new_inbox(), list[bytes]()
        ended = asyncio.get_running_loop().create_future()

        async def take(message: nats.aio.msg.Msg) -> None:
            chunks.append(message.data)
            if message.reply:
                await self._connection.publish(message.reply, b"")
            if not message.data and not ended.done():
                ended.set_result(None)

        subscription = await self._connection.subscribe(inbox, cb=take)
        answer = await self.api(f"STREAM.SNAPSHOT.{stream}", {"deliver_subject": inbox, "chunk_size": 65536})
        if meanwhile is not None:
            await meanwhile()
        await asyncio.wait_for(ended, _SECONDS)
        await subscription.unsubscribe()
        return b"".join(chunks), answer

    async def restore(self, stream: str, archive: bytes, answer: dict[str, t.Any], **config: t.Any) -> dict[str, t.Any]:
        """Restore under the name ``stream``. The stream as the server then knows it."""
        body = {"config": {**answer["config"], "name": stream, **config}, "state": answer["state"]}
        target = (await self.api(f"STREAM.RESTORE.{stream}", body))["deliver_subject"]
        for at in range(0, len(archive), _CHUNK_BYTES):
            taken = await self._connection.request(target, archive[at : at + _CHUNK_BYTES], timeout=_SECONDS)
            assert not taken.data, taken.data
        restored = json.loads((await self._connection.request(target, b"", timeout=_SECONDS)).data)
        assert "error" not in restored, restored["error"]
        return t.cast("dict[str, t.Any]", restored)

    async def deliver(self, stream: str, consumer: str, answers: t.Sequence[bytes]) -> None:
        """Have a pull consumer deliver as many messages as there are answers, and give them; b"" is none."""
        inbox = self._connection.new_inbox()
        subscription = await self._connection.subscribe(inbox)
        body = json.dumps({"batch": len(answers), "expires": int(_SECONDS * 1e9)}).encode()
        await self._connection.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", body, reply=inbox)
        messages = [await subscription.next_msg(timeout=_SECONDS) for _answer in answers]
        for message, answer in zip(messages, answers, strict=True):
            if answer:
                await self._connection.request(message.reply, answer, timeout=_SECONDS)
        await subscription.unsubscribe()


def _nanoseconds(text: str) -> int:
    whole, _dot, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 10**9 + int(fraction.ljust(9, "0") or 0)


async def _fill(account: Account, version: str) -> None:
    """Streams whose stores differ from what is live in them, each in its own way."""
    rng = random.Random(4)
    await account.create("KV_keys", max_msgs_per_subject=1, allow_rollup_hdrs=True)
    await account.publish(
        "KV_keys",
        ((f"k{i * 7919 % 200 if i < 1500 else i % 23}", rng.randbytes(4000 * (i % 2)), None) for i in range(2000)),
    )
    await account.create("HISTORY", max_msgs_per_subject=3)
    await account.publish(
        "HISTORY",
        ((f"k{i % 90 if i < 400 else 5}", b"v%d" % i, {"Number": str(i)} if i % 3 else None) for i in range(600)),
    )
    await account.create("LIMITED", max_msgs=50)
    await account.publish("LIMITED", (("x", rng.randbytes(i % 50), None) for i in range(200)))
    await account.create("DELETED")
    await account.publish(
        "DELETED", ((str(i % 10), rng.randbytes(0 if i % 11 == 0 else i % 700), None) for i in range(1000))
    )
    for sequence in [*range(5, 200, 3), 1, 2, 999, 1000]:
        await account.api("STREAM.MSG.DELETE.DELETED", {"seq": sequence, "no_erase": sequence % 2 == 0})
    await account.api("STREAM.PURGE.DELETED", {"filter": "deleted.4"})
    await account.api("STREAM.PURGE.DELETED", {"filter": "deleted.5", "seq": 500})
    await account.create("EMPTIED")
    await account.publish("EMPTIED", (("x", b"x", None) for _number in range(20)))
    await account.api("STREAM.PURGE.EMPTIED", {})
    await account.create("KEPT")
    await account.publish("KEPT", (("x", b"x%d" % i, None) for i in range(100)))
    await account.api("STREAM.PURGE.KEPT", {"keep": 10})
    await account.publish("KEPT", [("y", b"after", None)])
    await account.create("NEVER_USED")
    await account.create("LARGE")
    await account.publish("LARGE", (("x", rng.randbytes(900_000), {"Padding": "y" * 1000}) for _number in range(4)))
    await account.create("COMPRESSED", compression="s2")
    await account.publish("COMPRESSED", (("x", b"hello world" * 30, None) for _number in range(1000)))
    await account.api("STREAM.MSG.DELETE.COMPRESSED", {"seq": 77})
    await account.create("ROLLED_UP", allow_rollup_hdrs=True)
    await account.publish(
        "ROLLED_UP", ((str(i % 4), b"%d" % i, {"Nats-Rollup": "sub"} if i == 99 else None) for i in range(100))
    )
    await account.create("OLD", max_age=200_000_000)
    await account.publish("OLD", (("x", b"%d" % i, None) for i in range(20)))
    waiting_for = ["OLD"]
    if version != "2.10":
        await account.create("WITH_TTL", allow_msg_ttl=True)
        await account.publish(
            "WITH_TTL", (("x", b"%d" % i, {"Nats-TTL": "1s" if i % 5 == 0 else "1h"}) for i in range(50))
        )
        waiting_for.append("WITH_TTL")
    await account.create("CONSUMED")
    await account.publish("CONSUMED", (("x", b"%d" % i, None) for i in range(50)))
    common = {"ack_policy": "explicit", "inactive_threshold": int(600e9)}
    durable = {"durable_name": "durable", "ack_policy": "explicit", "ack_wait": int(600e9)}
    await account.api("CONSUMER.DURABLE.CREATE.CONSUMED.durable", {"stream_name": "CONSUMED", "config": durable})
    await account.api(
        "CONSUMER.CREATE.CONSUMED.passing", {"stream_name": "CONSUMED", "config": {"name": "passing", **common}}
    )
    await account.deliver("CONSUMED", "durable", [b"+ACK"] * 4 + [b"-NAK"] * 3 + [b""] * 3)
    await account.deliver("CONSUMED", "durable", [b""] * 3)  # the three that were refused
    async with asyncio.timeout(_SECONDS):
        while [name for name in waiting_for if (await account.state(name))["messages"] not in (0, 40)]:
            await asyncio.sleep(0.05)


class Capture(t.NamedTuple):
    """A snapshot, what the server said before it, and what a reader saw."""

    archive: bytes
    answer: dict[str, t.Any]
    live: list[Message]


def _run(work: t.Coroutine[t.Any, t.Any, None]) -> None:
    asyncio.run(work)


@contextlib.contextmanager
def _server(version: str, **options: t.Any) -> collections.abc.Iterator[NatsServer]:
    try:
        started = NatsServer(version, **options).__enter__()
    except MissingPrerequisiteError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield started
    finally:
        started.__exit__(None, None, None)


async def _captured(server: NatsServer, version: str) -> dict[str, Capture]:
    async with Account.of(server) as account:
        await _fill(account, version)
        streams = (await account.api("STREAM.NAMES"))["streams"]
        return {stream: Capture(*await account.snapshot(stream), await account.live(stream)) for stream in streams}


def _check(stream: str, capture: Capture) -> None:
    facts, digests = inspect([capture.archive], stream)
    state = capture.answer["state"]
    assert (stream, facts.problems, facts.deletes_known) == (stream, (), True)
    assert list(read_messages(lambda: iter([capture.archive]), stream)) == capture.live, stream
    assert (stream, facts.messages) == (stream, state["messages"])
    assert facts.fingerprint == hashlib.sha256(b"".join(map(message_digest, capture.live))).hexdigest()
    assert facts.bytes == sum(sum(map(len, message[2:])) for message in capture.live)
    assert facts.state["last_seq"] == state["last_seq"]
    digests.close()


@functools.cache
def captured_from(version: str) -> dict[str, Capture]:
    """What a server of this version holds and sends, taken once by the first test that asks."""
    with _server(version) as server:
        return asyncio.run(_captured(server, version))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_snapshot_holds_exactly_what_is_live(version: str) -> None:
    captures = captured_from(version)
    assert len(captures) == (12 if version == "2.10" else 13)
    for stream, capture in captures.items():
        _check(stream, capture)
    facts, _digests = inspect([captures["CONSUMED"].archive], "CONSUMED")
    durable, passing = facts.consumers
    assert (durable.name, durable.pending, durable.ack_floor) == ("durable", 6, {"consumer_seq": 4, "stream_seq": 4})
    assert durable.delivered["stream_seq"] == 10
    assert set(durable.state["redelivered"]) == {"5", "6", "7"}
    assert (passing.name, passing.pending, passing.delivered["stream_seq"]) == ("passing", 0, 0)


@pytest.mark.parametrize(("version", "cipher"), [("2.10", "chacha"), ("2.14", "aes")])
def test_a_snapshot_of_an_encrypted_store_is_read_like_any_other(version: str, cipher: str) -> None:
    with _server(version, jetstream={"key": "a key for this test", "cipher": cipher}) as server:
        captured = asyncio.run(_captured(server, version))
    for stream, capture in captured.items():
        _check(stream, capture)


def test_converted_snapshots_are_restored_under_another_name() -> None:
    async def work(server: NatsServer) -> None:
        async with Account.of(server) as account:
            for version in VERSIONS:
                captured = captured_from(version)
                for stream in ("KV_keys", "DELETED", "EMPTIED", "KEPT", "CONSUMED", "NEVER_USED"):
                    capture = captured[stream]
                    name = f"{stream}_{version.replace('.', '_')}"
                    converted = b"".join(to_v2(functools.partial(iter, [capture.archive]), stream))
                    restored = await account.restore(
                        name, converted, capture.answer, subjects=[f"{name}.>"], metadata={}
                    )
                    assert await account.live(name) == capture.live, name
                    assert (name, restored["state"]["last_seq"]) == (name, capture.answer["state"]["last_seq"])
                    consumers = (await account.api(f"CONSUMER.LIST.{name}", {}))["consumers"]
                    assert sorted(consumer["name"] for consumer in consumers) == (
                        ["durable", "passing"] if stream == "CONSUMED" else []
                    )
                    for consumer in consumers:
                        assert consumer["ack_floor"]["stream_seq"] == (4 if consumer["name"] == "durable" else 0)

    for version in VERSIONS:  # before the loop of the events begins, as this runs one of its own
        captured_from(version)
    with _server("2.15") as server:
        _run(work(server))


def test_a_server_takes_a_v1_archive_that_we_encoded() -> None:
    async def work(server: NatsServer, capture: Capture) -> None:
        async with Account.of(server) as account:
            await account.restore("DELETED", b"".join(encode(decode([capture.archive]))), capture.answer)
            assert await account.live("DELETED") == capture.live

    capture = captured_from("2.14")["DELETED"]
    with _server("2.14") as server:
        _run(work(server, capture))


@pytest.mark.parametrize("version", ["2.10", "2.14", "2.15"])
def test_a_snapshot_under_live_writes_holds_all_that_was_there_before(version: str) -> None:
    async def work(server: NatsServer) -> None:
        async with Account.of(server) as account:
            await account.create("BUSY")
            await account.publish("BUSY", (("x", b"%d" % i * 100, None) for i in range(4000)))

            async def more() -> None:
                await account.publish("BUSY", (("x", b"%d" % i * 100, None) for i in range(3000)))

            archive, answer = await account.snapshot("BUSY", more)
            facts, digests = inspect([archive], "BUSY")
            assert facts.problems == ()
            assert 4000 <= answer["state"]["last_seq"] <= facts.last_sequence
            live = {message.sequence: message for message in await account.live("BUSY")}
            assert [sequence for sequence, _digest in digests] == list(range(1, facts.messages + 1))
            assert all(digest == message_digest(live[sequence]) for sequence, digest in digests)

    with _server(version) as server:
        _run(work(server))


@pytest.mark.parametrize("version", ["2.10", "2.14", "2.15"])
def test_a_flipped_byte_in_the_servers_own_file_is_found(version: str) -> None:
    async def fill(server: NatsServer) -> None:
        async with Account.of(server) as account:
            await account.create("ROTTEN")
            await account.publish("ROTTEN", (("x", b"message number %04d" % i, None) for i in range(1, 501)))

    async def take(server: NatsServer) -> bytes:
        async with Account.of(server) as account:
            return (await account.snapshot("ROTTEN"))[0]

    with _server(version) as server:
        _run(fill(server))
        server.stop()
        (block,) = server.store_dir.rglob("streams/ROTTEN/msgs/*.blk")
        content = bytearray(block.read_bytes())
        content[content.index(b"number 0321")] ^= 0x20
        block.write_bytes(content)
        server.start()
        facts, _digests = inspect([asyncio.run(take(server))], "ROTTEN")
    (problem,) = facts.problems
    if facts.format == "v1":
        assert (problem.kind, problem.sequence) == ("record_hash", 321)
    else:
        assert problem.kind == "count"
    assert facts.messages == 499
