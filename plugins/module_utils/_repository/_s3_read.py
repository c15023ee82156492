# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads one object of an S3 repository, across connections that break."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import client_errors, wait_seconds
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import reason_and_hint

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_PROGRESS_BYTES = 1 << 20  # a connection that gave this much was a good one


def read_object(store: S3Store, path: str, chunk_bytes: int) -> t.Iterator[bytes]:
    """The object's bytes in pieces of at most ``chunk_bytes``.

    A connection that breaks is followed by another that continues at the same byte, on the condition that the object is
    unchanged. After
    ``retries`` connections in a row that gave less than 1 MiB each, RepositoryError is raised.
    """
    answer = store.get(path)
    etag, size = answer["ETag"], answer["ContentLength"]
    offset = failures = 0
    while True:
        connection = _Connection(answer, chunk_bytes)
        began = offset
        for piece in connection.pieces():
            offset += len(piece)
            yield piece
        if offset == size:
            return
        failures = 1 if offset - began >= _PROGRESS_BYTES else failures + 1
        if failures > store.settings.retries or offset > size:
            raise _broken(store, path, connection.fault, offset, size)
        time.sleep(wait_seconds(failures))
        answer = store.get(path, offset, etag)
        if offset and "ContentRange" not in answer:
            raise _broken(store, path, connection.fault, offset, size)  # a server that always begins at the first byte


class _Connection:
    """One answer being read. ``fault`` tells afterwards how it broke; None when it gave all that it had promised."""

    def __init__(self, answer: GetObjectOutputTypeDef, chunk_bytes: int) -> None:
        self.fault: Exception | None = None
        self._body = answer["Body"]
        self._chunk_bytes = chunk_bytes

    def pieces(self) -> t.Iterator[bytes]:
        try:
            while True:
                try:
                    piece = self._body.read(self._chunk_bytes)
                except client_errors() as error:
                    self.fault = error
                    return
                if not piece:
                    return
                yield piece
        finally:
            self._body.close()


def _broken(store: S3Store, path: str, fault: Exception | None, offset: int, size: int) -> RepositoryError:
    reason = reason_and_hint(fault, store.settings.scrub)[0] if fault else "the connection ended early"
    return RepositoryError(
        f"Reading {store.name}/{path} at {store.settings.endpoint} broke after {offset} of {size} bytes: {reason}.",
        hint="Run again, or use another repository that holds this backup.",
        details={"offset": offset, "size": size},
    )
