# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Objects that exactly one writer can create: conditional PUT, and the proof that a server keeps to the condition.

A server that ignores ``If-None-Match`` answers 200 and overwrites. For a backup that is a pity; for a ledger that
decides which of two controllers goes on it would be fatal, so it is tried before it is trusted.
"""

from __future__ import annotations

import contextlib
import io
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store

_WRITER = "lifeboat-writer"


def require_conditional_writes(store: S3Store, probe: str) -> None:
    """Create a probe object twice: the second time has to be refused. Raises RepositoryError otherwise."""
    try:
        first, second = put_if_absent(store, probe, b"first"), put_if_absent(store, probe, b"second")
    except S3Error as error:
        if not error.not_implemented and error.status not in (400, 501):
            raise
        first, second = True, True
    finally:
        with contextlib.suppress(LifeboatError):
            store.delete(probe, None)
    if not first or second:
        raise RepositoryError(
            f"{store.name} at {store.settings.endpoint} does not keep to If-None-Match, so two hosts could write the "
            "same file.",
            hint="Use a repository that can create a file exclusively: a directory, AWS S3, or a server that has it.",
        )


def put_if_absent(store: S3Store, path: str, content: bytes) -> bool:
    """Whether this call created the object. A try whose answer was lost is recognised by the writer's token."""
    writer = secrets.token_hex(8)
    try:
        store.connection.call(
            f"Creating {store.name}/{path}",
            lambda client: client.put_object(
                Bucket=store.settings.bucket,
                Key=store.key(path),
                Body=io.BytesIO(content),
                IfNoneMatch="*",
                Metadata={_WRITER: writer},
            ),
        )
    except S3Error as error:
        if not error.exists:
            raise
        stored = store.head(path)
        return stored is not None and stored.writer == writer
    return True
