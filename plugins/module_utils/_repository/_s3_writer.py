# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Writes one file of an S3 repository: in one request when it fits into one part, else part by part while the stream
goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._parts import (
    MOST_PARTS,
    MemoryBudget,
    Part,
    Share,
    part_size_at,
    part_size_for,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import ArtifactWriter
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import Limit

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_ABORT_SECONDS = 30.0


class S3Writer(ArtifactWriter):
    """One file being uploaded. ``abort`` may come from another thread; what runs then ends soon, with an error."""

    def __init__(
        self,
        store: S3Store,
        path: str,
        estimated_bytes: int,
        budget: MemoryBudget,
        read: t.Callable[[str], t.Iterator[bytes]],
        *,
        artifact: bool = True,
    ) -> None:
        """``read`` gives a stored file back, for the check after the upload. ``artifact``: it may be moved to another
        storage class when it is old.
        """
        self._artifact = artifact
        self._store = store
        self._path = path
        self._first_size = part_size_for(estimated_bytes)
        self._share = Share(budget)
        self._read = read
        self._writer = secrets.token_hex(16)
        self._part: Part | None = None
        self._number = 1
        self._written = 0
        self._digest = hashlib.sha256() if store.settings.read_back == "hash" else None
        self._upload_id = ""
        self._uploads: list[threading.Thread] = []
        self._completed: list[CompletedPartTypeDef] = []
        self._error: LifeboatError | None = None
        self._stopped = threading.Event()
        self._may_be_visible = False
        self._finished = False

    def write(self, data: bytes) -> None:
        """Take the next bytes; waits while memory is short because the server is slower than the stream."""
        self._check()
        if self._digest is not None:
            self._digest.update(data)
        self._written += len(data)
        rest: bytes | memoryview = data
        while rest:
            if self._part is not None and self._part.room == 0:
                self._send_part()
            rest = self._fill(rest)

    def commit(self) -> None:
        """Make the object, then ask the server for its size, and with ``read_back: hash`` for all of its bytes."""
        self._check()
        if self._upload_id:
            self._complete()
        else:
            self._may_be_visible = True
            self._store.put(self._path, self._part or Part(0), self._writer, self._limit(), artifact=self._artifact)
        self._compare_stored()
        self._check()
        self._finish()

    def abort(self) -> None:
        """Stop what is on its way, abort the upload, see that no part is left, and remove the object if ``commit``
        failed after it.
        """
        if self._finished:
            return
        self._stopped.set()
        end = time.monotonic() + _ABORT_SECONDS
        for upload in self._uploads:
            upload.join(max(0.0, end - time.monotonic()))
        for step in (self._remove_upload, self._remove_other_uploads, self._remove_object):
            with contextlib.suppress(
                Exception
            ):  # what is left is found by remove_unfinished; the error that led here is the one to show
                step(Limit(_ABORT_SECONDS))
        self._finish()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._stopped.is_set():
            raise RepositoryError(
                f"Storing {self._store.name}/{self._path} has ended already.",
                hint="Another part of the same work failed: look at its error.",
            )

    def _limit(self) -> Limit:
        return self._store.connection.limit(self._stopped)

    def _begin_part(self) -> Part:
        if self._number > MOST_PARTS:
            raise RepositoryError(
                f"{self._store.name}/{self._path} needs more than the {MOST_PARTS} parts of an S3 object, after "
                f"{self._written} bytes.",
                hint="Split the backup (jobs, tables).",
            )
        size = part_size_at(self._number, self._first_size)
        self._share.reserve(size, self._check)
        return Part(size)

    def _fill(self, rest: bytes | memoryview) -> bytes | memoryview:
        """Put as much into the current part as fits; returns the rest."""
        if self._part is None:
            self._part = self._begin_part()
        part, room = self._part, self._part.room
        if len(rest) <= room:
            part.append(rest)
            return b""
        view = memoryview(rest)
        part.append(view[:room])
        return view[room:]

    def _send_part(self) -> None:
        """Let the current part go up in a thread of its own."""
        if not self._upload_id:
            self._upload_id = self._store.begin_upload(self._path, self._writer, self._limit(), artifact=self._artifact)
        upload = threading.Thread(
            target=self._upload, args=(self._number, self._part), name=f"upload part {self._number}", daemon=True
        )
        self._uploads = [*(running for running in self._uploads if running.is_alive()), upload]
        self._part = None
        self._number += 1
        upload.start()

    def _upload(self, number: int, part: Part) -> None:
        try:
            self._completed.append(self._store.upload_part(self._path, self._upload_id, number, part, self._limit()))
        except LifeboatError as error:
            self._error = self._error or error
        except Exception as error:  # a thread has nobody above it to tell
            text = self._store.settings.scrub(f"{type(error).__name__}: {error}")
            self._error = self._error or RepositoryError(f"Uploading {self._store.name}/{self._path} failed: {text}.")
        finally:
            part.pieces.clear()
            self._share.release(part.size)

    def _complete(self) -> None:
        self._send_part()
        for upload in self._uploads:
            while upload.is_alive():
                upload.join(0.2)
                self._check()
        self._check()
        parts = sorted(self._completed, key=lambda part: part["PartNumber"])
        self._store.refuse_existing(self._path, self._limit())
        self._may_be_visible = True
        self._store.complete_upload(self._path, self._upload_id, parts, self._writer, self._limit())

    def _compare_stored(self) -> None:
        name = f"{self._store.name}/{self._path} at {self._store.settings.endpoint}"
        stored = self._store.head(self._path, self._limit())
        if stored is None or stored.size != self._written:
            found = "is not there" if stored is None else f"has {stored.size} bytes"
            raise RepositoryError(
                f"{name} {found} after {self._written} bytes were stored. It is not kept.",
                hint=(
                    "A server that does not know checksums can store them inside the object: try checksum_mode: "
                    "when_required."
                ),
            )
        if stored.writer not in ("", self._writer):
            raise RepositoryError(
                f"{name} was stored by another run at the same time.", hint="Never run two backups with one id."
            )
        if self._digest is None:
            return
        digest = hashlib.sha256()
        for piece in self._read(self._path):
            self._check()
            digest.update(piece)
        if digest.digest() != self._digest.digest():
            raise RepositoryError(
                f"{name} gave back other bytes than were stored (SHA-256 differs). It is not kept.",
                hint="The server or something before it changes content. Use another repository until that is found.",
            )

    def _remove_upload(self, limit: Limit) -> None:
        if self._upload_id:
            self._store.abort_upload(self._path, self._upload_id, limit)

    def _remove_other_uploads(self, limit: Limit) -> None:
        """When the answer to the beginning of an upload was lost, the server has one that nobody knows the id of."""
        if self._number > 1 or (self._part is not None and self._part.room == 0):
            for path, upload_id in self._store.uploads(self._path, limit):
                if path == self._path:
                    self._store.abort_upload(path, upload_id, limit)

    def _remove_object(self, limit: Limit) -> None:
        if self._may_be_visible:
            stored = self._store.head(self._path, limit)
            if stored is not None and stored.writer == self._writer:
                self._store.delete(self._path, stored.version_id, limit)

    def _finish(self) -> None:
        self._finished = True
        self._part = None
        self._share.release_all()
