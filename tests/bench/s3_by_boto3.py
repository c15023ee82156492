# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a script of one's own does with boto3, as its documentation shows it.

``compare BUCKET BUCKET``: list both with the paginator, and compare size and ETag of each key. Prints how many are the
same.
``undelete BUCKET COUNT``: remove so many delete markers, one by one, in the order of the listing. Prints how many.
The server and the credentials are in the AWS_* variables.
"""

from __future__ import annotations

import itertools
import sys
import typing as t

import boto3
from botocore.config import Config

if t.TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


def _objects(client: S3Client, bucket: str) -> dict[str, tuple[int, str]]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {entry["Key"]: (entry["Size"], entry["ETag"]) for page in pages for entry in page.get("Contents", [])}


def _compare(client: S3Client, one: str, other: str) -> int:
    here, there = _objects(client, one), _objects(client, other)
    return sum(there.get(key) == facts for key, facts in here.items())


def _undelete(client: S3Client, bucket: str, count: str) -> int:
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket)
    markers = (marker for page in pages for marker in page.get("DeleteMarkers", []) if marker["IsLatest"])
    done = 0
    for marker in itertools.islice(markers, int(count)):
        client.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
        done += 1
    return done


if __name__ == "__main__":
    work = {"compare": _compare, "undelete": _undelete}[sys.argv[1]]
    print(work(boto3.client("s3", config=Config(s3={"addressing_style": "path"})), *sys.argv[2:4]))
