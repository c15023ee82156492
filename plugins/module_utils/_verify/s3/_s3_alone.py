# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Proves an inventory against the destination alone, when the source is gone: that every object of then can be had from
the replica.

What came to the source after the inventory, nobody can know any more; the report says that it was not asked. Without a
second side to read, the content of a sample is held against the MD5 that its ETag was recorded as, where an ETag is
one.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._encryption import needs_customer_key
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import groups
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests, show
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import ETAG, KEY, VERSION_ID
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._ask_again import read_facts
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import Compared
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._retrieval import (
    ArchivedError,
    Retrieval,
    holders,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import summarised
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.s3._s3 import S3Verification

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import Row
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory import Entry, Lookup

_MD5 = re.compile(rb"[0-9a-f]{32}")
_ROWS = 5000  # that are looked up at a time


class DestinationVerification(S3Verification):
    """Holds the destination against the inventory. Both of ``Options.sides`` are the destination."""

    gone = "the source was not asked"
    expired = "are not at the destination any more, and the source was not asked"

    def _observe(self, lookup: Lookup, sides: tuple[Side, Side]) -> Requests:
        requests = Requests()
        lister = Lister(sides[1], self._content.prefix, requests, versions=self._versions)
        self._progress.phase("compare", "listing the destination", unit="entries")
        rows: list[Row] = []
        keys = groups(lister, self._deadline)
        try:
            for _key, of_key in keys:
                rows += of_key
                if len(rows) >= _ROWS:
                    self._look_at(lookup, rows)
                    rows = []
        finally:
            close(keys)
        self._look_at(lookup, rows)
        words = "the source was not asked: buckets.source is not given"
        self._checks.append(Check("content.pair", "Both buckets hold the same now", "content", "skipped", words))
        return requests

    def _look_at(self, lookup: Lookup, rows: t.Sequence[Row]) -> None:
        lookup.observe((), rows, Compared(0, 0, []))
        self._progress.advance(len(rows))

    def _read_back(self, retrieval: Retrieval, sample: t.Sequence[Entry]) -> None:
        self._progress.phase("sample", "reading objects", sum(entry.size for entry in sample))
        works = [lambda entry=entry: self._read_alone(retrieval, entry) for entry in sample]
        items = together(works, min(self._options.parallel, max(1, len(works))), self._deadline)
        check = Check("content.sample", "Objects read back have the content of then", "content", "passed")
        check = summarised(check, items, "objects")
        self._checks.append(
            check if items else dataclasses.replace(check, status="skipped", message="no object was read")
        )

    def _read_alone(self, retrieval: Retrieval, entry: Entry) -> Item:
        self._deadline.check("Reading the sample")
        name = show(entry.row[KEY])
        found = holders(entry, retrieval.rows(1, entry.row[KEY]))
        if not found:
            return Item(name, "failed", entry.size, None, "it went away from the destination meanwhile")
        try:
            digest, size = retrieval.digest(1, found[0], algorithm="md5")
        except ArchivedError:
            return Item(name, "skipped", entry.size, None, "it is in an archive class and cannot be read now")
        except DamagedError as error:
            return Item(name, "failed", entry.size, None, str(error))
        except S3Error as error:
            if not needs_customer_key(error):
                raise
            return Item(name, "skipped", entry.size, None, "it is encrypted with a key of the customer (SSE-C)")
        self._progress.advance(size)
        if size != entry.size:
            return Item(name, "failed", entry.size, size, "the destination gives another number of bytes")
        etag = found[0][ETAG]
        if digest.encode("ascii") == etag:
            return Item(name, "passed", entry.size, size)
        if not _MD5.fullmatch(etag) or self._is_opaque(found[0]):
            return Item(
                name, "skipped", entry.size, size, "it has the size of then; its ETag is no hash of the content"
            )
        return Item(name, "failed", etag.decode("ascii"), digest, "the content is not what its ETag was recorded as")

    def _is_opaque(self, row: Row) -> bool:
        """Whether the encryption makes the ETag something else than an MD5."""
        if self._options.sides is None:
            raise AssertionError("the destination is known")
        side = self._options.sides[1]
        version: t.Any = {"VersionId": row[VERSION_ID].decode()} if len(row) > VERSION_ID else {}
        answer = side.call(
            "HEAD of an object",
            lambda client: client.head_object(Bucket=side.bucket, Key=row[KEY].decode("utf-8", "replace"), **version),
        )
        return read_facts(row[KEY], t.cast("dict[str, t.Any]", answer)).opaque
