# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a sample of the destination alone: what is not what its ETag was is red, and what nobody can tell is not
called good.
"""

from __future__ import annotations

import hashlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory import Entry
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._retrieval import ArchivedError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.s3._s3 import Options
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.s3._s3_alone import DestinationVerification

_CONTENT = b"content"
_MD5 = hashlib.md5(_CONTENT, usedforsecurity=False).hexdigest()
_ARCHIVED, _PRIVATE = ArchivedError(), S3Error("x", hint="", code="400", status=400, attempts=1)


def row(etag: str) -> Row:
    return (b"key", b"2026-01-15T02:00:00Z", etag.encode(), b"%d" % len(_CONTENT))


class StubSide:
    """Answers every HEAD with one encryption."""

    bucket = "bucket"

    def __init__(self, encryption: str) -> None:
        self.encryption = encryption

    def call(self, _what: str, _request: t.Any) -> dict[str, t.Any]:
        return {"ServerSideEncryption": self.encryption}


class StubRetrieval:
    """A destination that lists one object and gives some bytes for it, or an error."""

    def __init__(self, etag: str, gives: bytes | Exception) -> None:
        self.listed, self.gives = row(etag), gives

    def rows(self, _side: int, _key: bytes) -> list[Row]:
        return [self.listed]

    def digest(self, _side: int, _row: Row, *, algorithm: str) -> tuple[str, int]:
        if isinstance(self.gives, Exception):
            raise self.gives
        return hashlib.new(algorithm, self.gives, usedforsecurity=False).hexdigest(), len(self.gives)


@pytest.mark.parametrize(
    ("etag", "gives", "encryption", "status"),
    [
        (_MD5, _CONTENT, "AES256", "passed"),
        (_MD5, b"CONTENT", "AES256", "failed"),
        (_MD5, _CONTENT[:-1], "AES256", "failed"),
        ("1" * 32, _CONTENT, "aws:kms", "skipped"),
        (f"{_MD5}-1", _CONTENT, "AES256", "skipped"),
        (f"{_MD5}-1", _CONTENT[:-1], "AES256", "failed"),
        (_MD5, _ARCHIVED, "AES256", "skipped"),
        (_MD5, _PRIVATE, "AES256", "skipped"),
    ],
)
def test_a_sample_is_good_only_when_it_is_what_its_etag_was(
    etag: str, gives: bytes | Exception, encryption: str, status: str
) -> None:
    verification = object.__new__(DestinationVerification)
    verification._deadline, verification._progress = Deadline(), Progress(None, "")
    side: t.Any = StubSide(encryption)
    verification._options = Options("full", (side, side))
    item = verification._read_alone(t.cast(t.Any, StubRetrieval(etag, gives)), Entry(row(etag)))
    assert item.status == status, item
