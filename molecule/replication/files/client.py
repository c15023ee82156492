# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application, and what goes wrong, through boto3, which shares no code with the collection.

Arguments: the endpoint, the bucket, and ``make``; ``write PREFIX COUNT``; ``damage`` (one object gone, one changed, one
cut off);
``delete`` (all objects below ``chunks/``, as a program that has gone wild would); ``rules`` (which of them work, as
JSON); or ``look`` (all there is, as JSON).
"""

from __future__ import annotations

import hashlib
import json
import sys
import typing as t

import boto3
from botocore.config import Config

AWKWARD = "chunks/ä b+c&d=%2F'\"<>"


def main(endpoint: str, bucket: str, command: str, *arguments: str) -> None:
    """Do it."""
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 5})
    keys = {"aws_access_key_id": "AKIAAPPLICATION", "aws_secret_access_key": "another"}
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)
    found = COMMANDS[command](client, bucket, *arguments)
    if found is not None:
        print(json.dumps(found, sort_keys=True))


def make(client: t.Any, bucket: str) -> None:
    """A bucket that keeps versions."""
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def write(client: t.Any, bucket: str, prefix: str, count: str) -> None:
    """So many objects, and one whose key is awkward."""
    for key in (*(f"{prefix}{number:03}" for number in range(int(count))), AWKWARD):
        client.put_object(Bucket=bucket, Key=key, Body=f"{prefix} {key}".encode() * 10)


def damage(client: t.Any, bucket: str) -> None:
    """What somebody does behind the back of replication."""
    client.delete_object(Bucket=bucket, Key="chunks/003")
    client.put_object(Bucket=bucket, Key="chunks/005", Body=b"x" * len(body(client, bucket, "chunks/005")))
    client.put_object(Bucket=bucket, Key="chunks/007", Body=body(client, bucket, "chunks/007")[:-1])


def delete(client: t.Any, bucket: str) -> None:
    """A mass deletion."""
    keys = [{"Key": key} for key in look(client, bucket) if key.startswith("chunks/")]
    client.delete_objects(Bucket=bucket, Delete={"Objects": keys})


def rules(client: t.Any, bucket: str) -> dict[str, str]:
    """Which replication rules there are, and whether they work."""
    found = client.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]["Rules"]
    return {rule["ID"]: rule["Status"] for rule in found}


def look(client: t.Any, bucket: str) -> dict[str, str]:
    """Every object, with the hash of its content."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return {key: hashlib.sha256(body(client, bucket, key)).hexdigest() for key in keys}


def body(client: t.Any, bucket: str, key: str) -> bytes:
    """An object's content."""
    return t.cast("bytes", client.get_object(Bucket=bucket, Key=key)["Body"].read())


COMMANDS: dict[str, t.Callable[..., t.Any]] = {
    "make": make,
    "write": write,
    "damage": damage,
    "delete": delete,
    "rules": rules,
    "look": look,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
