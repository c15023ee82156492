# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Looks up and reads single objects of a pair of buckets, as an inventory names them. Nothing is ever written."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import as_text, rows_of
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY, SIZE, VERSION_ID, Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    compare_objects,
    compare_versions,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._verdict import IN_SYNC, Limits, of_tally
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import Damage
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory import Entry

_PIECE_BYTES = 1 << 20
_ARCHIVED = "InvalidObjectState"


class ArchivedError(Exception):
    """The object is in an archive class and cannot be read now."""


class Retrieval:
    """Asks both sides about single objects. Every method may be called from any thread, and raises what ``Side.call``
    raises.

    ``versions`` looks among all versions and delete markers of a key, else at its newest object.
    """

    def __init__(self, sides: tuple[Side, Side], requests: Requests, *, versions: bool, deadline: Deadline) -> None:
        self._sides = sides
        self._requests = requests
        self._versions = versions
        self._deadline = deadline

    def rows(self, side: int, key: bytes) -> list[Row]:
        """What a side (0 is the source) lists of one key, the newest first."""
        lister = Lister(self._sides[side], as_text(key), self._requests, versions=self._versions, short_way=False)
        return rows_of(lister, key, self._deadline)

    def digest(
        self, side: int, row: Row, damage: Damage | None = None, *, algorithm: str = "sha256"
    ) -> tuple[str, int]:
        """Hash and size of the content of an object or a version. ``damage`` lets a verifier prove that it can fail.

        Raises ArchivedError.
        """
        bucket, key = self._sides[side].bucket, as_text(row[KEY])
        version = {"VersionId": row[VERSION_ID].decode("utf-8", "surrogateescape")} if len(row) > VERSION_ID else {}

        def read(client: t.Any) -> tuple[str, int]:
            self._requests.add("get")
            digest, count = hashlib.new(algorithm, usedforsecurity=False), 0
            body = client.get_object(Bucket=bucket, Key=key, **version)["Body"]
            pieces = _pieces(body)
            for piece in damage(pieces) if damage else pieces:
                self._deadline.check("The comparison")
                digest.update(piece)
                count += len(piece)
            close(pieces)
            return digest.hexdigest(), count

        try:
            return self._sides[side].call("Reading an object", read)
        except S3Error as error:
            if error.code == _ARCHIVED:
                raise ArchivedError from None
            raise

    def agree(self, source: t.Sequence[Row], destination: t.Sequence[Row], *, markers: bool) -> bool:
        """Whether the comparison calls these rows of one key the same on both sides.

        There is no excuse for what is young.
        """
        if not markers:
            source, destination = ([row for row in rows if row[SIZE]] for rows in (source, destination))
        tally = Tally()
        tally.count_rows(0, source)
        tally.count_rows(1, destination)
        tally.add((compare_versions if self._versions else compare_objects)(source, destination), Rules())
        return of_tally(tally, Limits(allow_empty=True), markers=markers).verdict == IN_SYNC


def _pieces(body: t.Any) -> t.Iterator[bytes]:
    try:
        while piece := body.read(_PIECE_BYTES):
            yield piece
    finally:
        body.close()


def holders(entry: Entry, rows: t.Sequence[Row]) -> list[Row]:
    """The rows, of the entry's key, that have its content. Pure."""
    return [row for row in rows if entry.is_held_by(row)]
