# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application: each order goes into the database, the stream, the bucket and the cache, and is acknowledged when
all four have it.

``shop.py serve`` answers ``POST /orders/NUMBER`` and ``GET /health``; ``shop.py copy`` brings the objects that are in
the other region's bucket over, without end, as a provider's replication does; ``shop.py look`` prints what all four
stores of this region have, as JSON; ``shop.py make`` makes the bucket, ``shop.py stream`` the stream, and
``shop.py unstream`` deletes it. What it shares with the collection are boto3 and psycopg2.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import socket
import sys
import time
import typing as t

import boto3
import botocore.config
import botocore.exceptions
import psycopg2

SECONDS = 5
ERRORS = (psycopg2.Error, OSError, ValueError, botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
REGION = os.environ["REGION"]
OTHER = {"fra": "ams", "ams": "fra"}[REGION]


class Nats:
    """The few words of the protocol that are needed."""

    def __init__(self) -> None:
        self._socket = socket.create_connection((REGION, 4222), SECONDS)
        self._lines = self._socket.makefile("rb")
        self._lines.readline()
        self._socket.sendall(b'CONNECT {"verbose":false,"no_responders":true,"headers":true}\r\nSUB _INBOX.shop 1\r\n')

    def ask(self, subject: str, body: bytes) -> dict[str, t.Any]:
        """Publish, and wait for the answer."""
        self._socket.sendall(b"PUB %s _INBOX.shop %d\r\n%s\r\n" % (subject.encode(), len(body), body))
        while words := self._lines.readline().split():
            if words[0] == b"PING":
                self._socket.sendall(b"PONG\r\n")
            elif words[0] in (b"MSG", b"HMSG"):
                content = self._lines.read(int(words[-1]) + 2)
                if words[0] == b"HMSG":
                    raise ValueError("nobody takes it")
                answer: dict[str, t.Any] = json.loads(content)
                if "error" in answer:
                    raise ValueError(str(answer["error"]))
                return answer
        raise ValueError("the server has hung up")


class Redis:
    """The few words of the protocol that are needed."""

    def __init__(self) -> None:
        self._socket = socket.create_connection((REGION, 6379), SECONDS)
        self._lines = self._socket.makefile("rb")
        self.ask("AUTH", pathlib.Path("/etc/shop/redis.password").read_text(encoding="ascii").strip())

    def ask(self, *words: str) -> list[str]:
        """One command. Gives the lines of the answer."""
        text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        self._socket.sendall(text.encode())
        first = self._lines.readline().decode()
        if first.startswith("-"):
            raise ValueError(first)
        if first.startswith("*"):
            count = int(first[1:])
            return [self._lines.readline().decode().strip() for _line in range(2 * count)][1::2]
        return [first]


def bucket(region: str) -> tuple[t.Any, str]:
    """A client, and the bucket of a region."""
    config = botocore.config.Config(
        s3={"addressing_style": "path"}, connect_timeout=2, read_timeout=SECONDS, retries={"total_max_attempts": 1}
    )
    keys = {"aws_access_key_id": "AKIAAPPLICATION", "aws_secret_access_key": "another"}
    client = boto3.client("s3", endpoint_url=f"http://{region}:9000", region_name="us-east-1", config=config, **keys)
    return client, f"shop-{region}"


class Stores:
    """What this region has. A store that has failed once is connected to anew."""

    def __init__(self) -> None:
        self._open: dict[str, t.Any] = {}

    def _get(self, name: str, make: t.Callable[[], t.Any]) -> t.Any:
        if name not in self._open:
            self._open[name] = make()
        return self._open[name]

    def database(self) -> t.Any:
        """A cursor of the local server."""

        def connect() -> t.Any:
            connection = psycopg2.connect(f"host={REGION} dbname=shop user=lifeboat connect_timeout={SECONDS}")
            connection.autocommit = True
            return connection

        return self._get("database", connect).cursor()

    def order(self, number: int) -> None:
        """Into all of them."""
        try:
            self.database().execute("insert into orders (n) values (%s) on conflict do nothing", (number,))
            self._get("nats", Nats).ask(f"orders.{number}", json.dumps({"order": number}).encode())
            client = self._get("s3", lambda: bucket(REGION)[0])
            client.put_object(Bucket=os.environ["S3_BUCKET"], Key=f"orders/{number}", Body=b"order %d" % number)
            self._get("redis", Redis).ask("SET", f"order:{number}", "1")
        except ERRORS:
            self._open.clear()
            raise

    def healthy(self) -> dict[str, str]:
        """What each says."""
        found = {}
        for name, ask in (("database", self._primary), ("cache", self._cache)):
            try:
                found[name] = ask()
            except ERRORS as error:
                self._open.clear()
                found[name] = str(error).strip()
        return found

    def _primary(self) -> str:
        cursor = self.database()
        cursor.execute("select pg_is_in_recovery()")
        return "a standby" if cursor.fetchone()[0] else "up"

    def _cache(self) -> str:
        self._get("redis", Redis).ask("SET", "health", "asked")
        return "up"


STORES = Stores()


class Answers(http.server.BaseHTTPRequestHandler):
    """One request at a time."""

    def do_POST(self) -> None:  # noqa: N802 - the library's name
        """An order."""
        try:
            STORES.order(int(self.path.rsplit("/", 1)[1]))
        except ERRORS as error:
            self._say(503, {"error": str(error)})
        else:
            self._say(200, {"region": REGION})

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        """Health."""
        checks = STORES.healthy()
        good = set(checks.values()) == {"up"}
        self._say(200, {"status": "ok" if good else "error", "region": REGION, "checks": checks})

    def _say(self, status: int, content: dict[str, t.Any]) -> None:
        body = json.dumps(content).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_arguments: t.Any) -> None:
        """Nothing."""


def serve() -> None:
    """Until it is ended."""
    http.server.HTTPServer(("", 8000), Answers).serve_forever()


def keys(client: t.Any, name: str) -> set[str]:
    """The objects of a bucket."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix="orders/")
    return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


def copy() -> None:
    """Bring over what is in the other region and not here, until it is ended."""
    (source, there), (target, here) = bucket(OTHER), bucket(REGION)
    while True:
        with contextlib.suppress(*ERRORS):
            for key in sorted(keys(source, there) - keys(target, here)):
                target.put_object(Bucket=here, Key=key, Body=source.get_object(Bucket=there, Key=key)["Body"].read())
        time.sleep(0.5)


def look() -> None:
    """The numbers that each store has."""
    cursor = STORES.database()
    rows = {}
    for table in ("orders", "beats"):
        cursor.execute(f"select n from {table}")
        rows[table] = [n for (n,) in cursor.fetchall()]
    info = Nats().ask("$JS.API.STREAM.INFO.ORDERS", b'{"subjects_filter":"orders.>"}')
    client, name = bucket(REGION)
    found = {
        "database": rows["orders"],
        "beats": rows["beats"],
        "stream": [int(subject.split(".")[1]) for subject in info["state"].get("subjects") or {}],
        "bucket": [int(key.split("/")[1]) for key in keys(client, name)],
        "cache": [int(key.split(":")[1]) for key in Redis().ask("KEYS", "order:*")],
    }
    print(json.dumps(found))


def make() -> None:
    """The bucket of this region."""
    client, name = bucket(REGION)
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def stream() -> None:
    """The stream."""
    config = {"name": "ORDERS", "subjects": ["orders.>"], "storage": "file", "num_replicas": 1, "allow_direct": True}
    Nats().ask("$JS.API.STREAM.CREATE.ORDERS", json.dumps(config).encode())


def unstream() -> None:
    """No stream any more."""
    Nats().ask("$JS.API.STREAM.DELETE.ORDERS", b"")


if __name__ == "__main__":
    {"serve": serve, "copy": copy, "look": look, "make": make, "stream": stream, "unstream": unstream}[sys.argv[1]]()
