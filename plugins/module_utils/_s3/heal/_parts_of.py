# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""In which parts an object was uploaded: its ETag is made of them, so a copy in the same parts has the same ETag."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
    from mypy_boto3_s3 import S3Client

_SMALLEST, _LARGEST = 5 << 20, 5 << 30
_MOST = 10_000
_USUAL = tuple(
    size << 20 for size in (8, 5, 16, 15, 64, 32, 128, 100, 10, 50, 25, 6, 256, 512)
)  # defaults of the tools people use


def part_sizes(side: Side, key: str, version_id: str, etag: str, size: int) -> list[int]:
    """The sizes in bytes, empty when they cannot be known.

    Raises S3Error only for what is not "the server does not tell".
    """
    count = _count(etag)
    if not count or not size:
        return []
    told = _told(side, key, version_id)
    if fits(told, count, size):
        return told
    return guessed(count, size)


def _count(etag: str) -> int:
    tail = etag.rpartition("-")[2]
    return int(tail) if "-" in etag and tail.isdigit() and int(tail) <= _MOST else 0


def _page(client: S3Client, *, bucket: str, key: str, marker: int, version: dict[str, t.Any]) -> t.Any:
    return client.get_object_attributes(
        Bucket=bucket, Key=key, ObjectAttributes=["ObjectParts"], PartNumberMarker=marker, **version
    )


def _told(side: Side, key: str, version_id: str) -> list[int]:
    """What GetObjectAttributes says.

    radosgw 16 answers it with 500, others with 501; Amazon tells only of uploads with checksums.
    """
    version = {"VersionId": version_id} if version_id else {}
    sizes: list[int] = []
    marker = 0
    try:
        while True:
            page = functools.partial(_page, bucket=side.bucket, key=key, marker=marker, version=version)
            answer = side.call("Reading the parts", page, attempts=1)
            parts = answer.get("ObjectParts") or {}
            sizes += [int(part["Size"]) for part in parts.get("Parts") or []]
            if not parts.get("IsTruncated") or parts.get("NextPartNumberMarker", 0) <= marker:
                return sizes
            marker = parts["NextPartNumberMarker"]
    except S3Error:
        return []


def fits(sizes: t.Sequence[int], count: int, size: int) -> bool:
    """Whether the parts can be those of an object: their number, their sum, and S3's limits. Pure."""
    whole = all(_SMALLEST <= part <= _LARGEST for part in sizes[:-1])
    return len(sizes) == count and sum(sizes) == size and whole and 0 < sizes[-1] <= _LARGEST


def guessed(count: int, size: int) -> list[int]:
    """Equal parts of a usual size that make this number of them; a wrong guess only costs the ETag. Pure."""
    if count == 1:
        return [size] if size <= _LARGEST else []
    for part in _USUAL:
        if -(-size // part) == count:
            return [min(part, size - start) for start in range(0, size, part)]
    return []
