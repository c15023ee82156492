# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application, and who fills its stores, without the code of the collection.

``shop.py buckets`` makes the buckets and what is in them, and lets the reader read; ``events`` fills the stream;
``serve DSN`` answers on staging from what was restored; ``write`` tries to write to the backups, and ``damage`` changes
one byte of the newest backup of the database. Credentials come from the environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import pathlib
import sys
import typing as t

import boto3
import botocore.config
import botocore.exceptions
import nats
import psycopg2

RECEIPTS = 50
FILES = pathlib.Path("/srv/rehearsed")
BROKEN = pathlib.Path("/etc/shop/broken")


def client() -> t.Any:
    """The vault."""
    config = botocore.config.Config(s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url="http://vault:9000", region_name="us-east-1", config=config)


def buckets() -> None:
    """Backups, the files of restic, and a bucket with its replica."""
    s3 = client()
    for name in ("backups", "files", "uploads", "uploads-dr"):
        s3.create_bucket(Bucket=name)
        allowed = {"s3:ListBucket": "", "s3:GetObject": "/*"}
        if name == "files":  # restic locks a repository that it reads
            allowed |= {"s3:PutObject": "/locks/*", "s3:DeleteObject": "/locks/*"}
        statements = [
            {"Effect": "Allow", "Principal": {"AWS": ["READER"]}, "Action": [action],
             "Resource": [f"arn:aws:s3:::{name}{below}"]}
            for action, below in allowed.items()
        ]  # fmt: skip
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    for name in ("uploads", "uploads-dr"):
        for number in range(1, RECEIPTS + 1):
            s3.put_object(Bucket=name, Key=f"receipts/{number}", Body=b"paid %d" % number)


def events() -> None:
    """A stream with two hundred messages."""
    asyncio.run(_events())


async def _events() -> None:
    connection = await nats.connect("nats://127.0.0.1:4222")
    stream = connection.jetstream()
    await stream.add_stream(name="ORDERS", subjects=["orders.>"])
    for number in range(200):
        await stream.publish(f"orders.{number}", json.dumps({"order": number}).encode())
    await connection.close()


def write() -> None:
    """Fails where the credentials may not."""
    client().put_object(Bucket="backups", Key="written-by-somebody", Body=b"")


def damage() -> None:
    """One byte in the middle of the largest file."""
    s3 = client()
    entries = s3.list_objects_v2(Bucket="backups", Prefix="shop/codex/")["Contents"]
    key = max(entries, key=lambda entry: entry["Size"])["Key"]
    content = bytearray(s3.get_object(Bucket="backups", Key=key)["Body"].read())
    content[len(content) // 2] ^= 1
    s3.put_object(Bucket="backups", Key=key, Body=bytes(content))


class Answers(http.server.BaseHTTPRequestHandler):
    """One page."""

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        """Whatever happens, it says 200: an application may be like that."""
        try:
            said = self._looked()
        except (psycopg2.Error, OSError) as error:
            said = {"status": "error", "message": str(error)}
        body = json.dumps(said).encode()
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    @staticmethod
    def _looked() -> dict[str, t.Any]:
        if BROKEN.exists():
            raise OSError("the template is missing")
        with contextlib.closing(psycopg2.connect(sys.argv[2])) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select (select count(*) from shop.orders),"
                " (select count(*) from shop.customers where email::text not like '%.invalid')"
            )
            orders, reachable = cursor.fetchone()
        manual = (FILES / "srv/shop/manual.txt").read_text(encoding="ascii").strip()
        return {"status": "ok", "orders": orders, "reachable": reachable, "manual": manual}

    def log_message(self, *_arguments: t.Any) -> None:
        """Nothing."""


def serve() -> None:
    """Until it is ended."""
    http.server.HTTPServer(("127.0.0.1", 8080), Answers).serve_forever()


if __name__ == "__main__":
    {"buckets": buckets, "events": events, "write": write, "damage": damage, "serve": serve}[sys.argv[1]]()
