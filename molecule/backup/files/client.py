# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application, through NATS's own client, fills an account; a witness that shares nothing with it, nor with the
collection, says what is in its streams.

Arguments: ``fill``, ``look`` (prints all that there is, as JSON), ``next CONSUMER`` (prints the sequence of what the
consumer of ORDERS gets next), or ``try CREDENTIALS SUBJECT...`` (prints those to which the server lets the user of that
file not publish).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import pathlib
import random
import sys
import typing as t

import nats
import nats.aio.client
import nats.js.api
from natswitness import Witness

URL = "nats://127.0.0.1:4222"
JWT = pathlib.Path("/root/app.jwt")
SECONDS = 60.0
ORDERS = 2000
DELETED = (2, 777, 1999)
MEMORY_SINCE = (2, 15)
"""Since this version, servers make a snapshot of a stream that is in memory, too."""

Client = nats.aio.client.Client


async def main(command: str, *arguments: str) -> None:
    """Do it."""
    if command == "try":
        print("\n".join(await refused(*arguments)))
        return
    client = await nats.connect(
        URL, connect_timeout=SECONDS, user_jwt_cb=JWT.read_bytes, signature_cb=lambda _nonce: b""
    )
    try:
        if command == "fill":
            await fill(client)
        elif command == "look":
            print(json.dumps(await look(client), sort_keys=True))
        else:
            print((await fetched(client, arguments[0], 1))[0].metadata.sequence.stream)
    finally:
        await client.close()


# --- filling ---


async def fill(client: Client) -> None:
    """Streams, consumers, keys and an object, with all that makes them hard to save."""
    context = client.jetstream(timeout=SECONDS)
    await context.add_stream(name="ORDERS", subjects=["orders.>"], storage="file")
    for number in range(1, ORDERS + 1):
        headers = (
            {"Nats-Msg-Id": f"order-{number}", "region": "north" if number % 2 else "süd"} if number % 3 == 0 else None
        )
        await client.publish(f"orders.{number % 7}", json.dumps({"order": number}).encode(), headers=headers)
    await until_stored(client, "ORDERS", ORDERS)
    for sequence in DELETED:
        await context.delete_msg("ORDERS", sequence)
    for name, options in (
        ("billing", {}),
        ("shipping", {"filter_subject": "orders.3"}),
        ("quick", {"mem_storage": True}),
    ):
        policy = nats.js.api.AckPolicy.EXPLICIT
        await context.add_consumer("ORDERS", durable_name=name, ack_policy=policy, ack_wait=3600, **options)
        for message in await fetched(client, name, 20):
            await message.ack_sync(timeout=SECONDS)
    settings = await context.create_key_value(bucket="settings", history=5)
    for value in (b"EUR", b"USD", b"CHF"):
        await settings.put("currency", value)
    await settings.put("gone", b"x")
    await settings.delete("gone")
    pictures = await context.create_object_store("pictures")
    await pictures.put("logo.png", random.Random(1).randbytes(300_000))
    if version(client) >= MEMORY_SINCE:
        await context.add_stream(name="TICKS", subjects=["ticks.>"], storage="memory")
        for number in range(50):
            await context.publish("ticks.a", b"%d" % number, timeout=SECONDS)


def version(client: Client) -> tuple[int, ...]:
    """The first two numbers of the server's version."""
    found = client.connected_server_version
    return (found.major, found.minor)


async def until_stored(client: Client, stream: str, count: int) -> None:
    """Wait until so many messages are in a stream."""
    async with asyncio.timeout(SECONDS):
        while (await api(client, f"STREAM.INFO.{stream}"))["state"]["messages"] < count:
            await asyncio.sleep(0.05)


async def fetched(client: Client, consumer: str, count: int) -> list[nats.aio.msg.Msg]:
    """The consumer's next messages."""
    subscription = await client.jetstream().pull_subscribe_bind(consumer, "ORDERS")
    return await subscription.fetch(count, timeout=SECONDS)


# --- looking ---


async def look(client: Client) -> dict[str, t.Any]:
    """Every message, every consumer, every revision of every key, every object."""
    infos = (await api(client, "STREAM.LIST"))["streams"]
    context = client.jetstream(timeout=SECONDS)
    found = await (await context.object_store("pictures")).get("logo.png")
    return {
        "streams": {info["config"]["name"]: await stream(client, info) for info in infos},
        "settings": {key: await history(client, "settings", key) for key in ("currency", "gone")},
        "pictures": {"logo.png": hashlib.sha256(found.data or b"").hexdigest()},
    }


async def stream(client: Client, info: dict[str, t.Any]) -> dict[str, t.Any]:
    """One stream, read message by message without a consumer. The mark of a restore in the metadata is left out."""
    name, state = info["config"]["name"], info["state"]
    metadata = {
        key: value
        for key, value in (info["config"].get("metadata") or {}).items()
        if not key.startswith("lifeboat.dr/")
    }
    # the client makes some for itself, which are not durable
    consumers = (await api(client, f"CONSUMER.LIST.{name}"))["consumers"]
    return {
        "config": {**info["config"], "metadata": metadata},
        "state": {key: state[key] for key in ("messages", "first_seq", "last_seq")},
        "messages": await asyncio.to_thread(messages, name),
        "consumers": {one["name"]: consumer(one) for one in consumers if one["config"].get("durable_name")},
    }


def messages(name: str) -> list[list[t.Any]]:
    """Sequence, time, subject, and the hash of headers and data of each."""
    with Witness(URL, jwt=JWT.read_text(encoding="ascii").strip()) as witness:
        return [
            [sequence, moment, subject, hashlib.sha256(headers + b"\0" + data).hexdigest()]
            for sequence, moment, subject, headers, data in witness.rows(name)
        ]


def consumer(info: dict[str, t.Any]) -> dict[str, t.Any]:
    """What must not change: what it shall get, and what it has acknowledged."""
    keys = ("durable_name", "ack_policy", "ack_wait", "filter_subject", "mem_storage")
    config = {key: info["config"][key] for key in keys if key in info["config"]}
    return {"config": config, "acknowledged": info["ack_floor"]["stream_seq"], "pending": info["num_pending"]}


async def history(client: Client, bucket: str, key: str) -> list[tuple[int, str]]:
    """A key's revisions and values. Not by ``KeyValue.history`` of nats-py 2.16, which now and then finds no key in a
    full bucket.

    Its watcher takes the end for reached when the server has sent everything and the client has not yet looked at the
    first of it.
    """
    revisions: list[tuple[int, str]] = []
    wanted = {"seq": 1, "next_by_subj": f"$KV.{bucket}.{key}"}
    while "error" not in (answer := await api(client, f"STREAM.MSG.GET.KV_{bucket}", wanted)):
        sequence = answer["message"]["seq"]
        revisions.append((sequence, base64.b64decode(answer["message"].get("data") or "").decode()))
        wanted["seq"] = sequence + 1
    assert answer["error"]["err_code"] == 10037, answer
    return revisions


async def api(client: Client, verb: str, body: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
    """A request to JetStream. The answer may be an error."""
    answer = await client.request(f"$JS.API.{verb}", json.dumps(body).encode() if body else b"", timeout=SECONDS)
    return t.cast("dict[str, t.Any]", json.loads(answer.data))


# --- trying ---


async def refused(credentials: str, *subjects: str) -> list[str]:
    """The subjects to which the user may not publish: the server says so, in the order in which they were published
    to.
    """
    said: list[str] = []
    last, heard = "nobody.may.publish.here", asyncio.Event()

    async def note(error: Exception) -> None:
        said.append(str(error).lower())  # nats-py hands on some of it in small letters
        if last in said[-1]:
            heard.set()

    client = await nats.connect(URL, connect_timeout=SECONDS, user_credentials=credentials, error_cb=note)
    try:
        for subject in (*subjects, last):
            await client.publish(subject, b"")
        await asyncio.wait_for(heard.wait(), SECONDS)
    finally:
        await client.close()
    return [subject for subject in subjects if any(f'"{subject.lower()}"' in words for words in said)]


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
