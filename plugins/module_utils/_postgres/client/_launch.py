# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Starts PostgreSQL's own programs in a database, and gives them files that have no name.

A file without a name is gone with the last process that holds it, however that ends: what was decrypted, or a secret,
never outlives a killed run. The program opens it as ``/dev/fd/N``; each such opening reads from the beginning.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._unnamed_file import unnamed_file, write_all
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import SERVICE
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection


class NamelessFile:
    """Bytes that a program can open by ``path``. Use it as a context manager.

    It lies in memory where the kernel can do that (``memfd_create``), else in a file that is removed at once.
    """

    def __init__(self, content: bytes) -> None:
        self._file = _memory_file() or unnamed_file()
        write_all(self._file, content)

    def __enter__(self) -> NamelessFile:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    @property
    def descriptor(self) -> int:
        """What the program has to inherit (``pass_fds``)."""
        return self._file.fileno()

    @property
    def path(self) -> str:
        """Where the program finds it."""
        return f"/dev/fd/{self.descriptor}"


def start(
    command: t.Sequence[str | bytes], connection: Connection, *, files: t.Sequence[NamelessFile] = (), **options: t.Any
) -> Program:
    """Start the program in the database, with these files open. ``options`` are those of Program."""
    name = os.path.basename(os.fsdecode(command[0]))
    environment = connection.environment()
    with contextlib.ExitStack() as stack:
        inherited = [*files]
        if connection.private:
            service = stack.enter_context(NamelessFile(_service_file(connection.private)))
            environment["PGSERVICEFILE"] = service.path
            inherited.append(service)
        if connection.identity:  # another account opens them
            for file in inherited:
                os.fchown(file.descriptor, connection.identity["user"], connection.identity["group"])
        return Program(
            [*command, f"--dbname={connection.conninfo(name)}"],
            environment=environment,
            pass_fds=[file.descriptor for file in inherited],
            **connection.identity,
            **options,
        )


def _memory_file() -> t.IO[bytes] | None:
    create = getattr(os, "memfd_create", None)
    if create is None:
        return None
    try:
        return t.cast("t.IO[bytes]", os.fdopen(create("lifeboat", os.MFD_CLOEXEC), "r+b", buffering=0))
    except OSError:
        return None


def _service_file(parameters: t.Mapping[str, str]) -> bytes:
    """As libpq reads it ("The Connection Service File"): a value is a line, and cannot be quoted."""
    for key, value in parameters.items():
        if value != value.strip() or "\n" in value or "\r" in value:
            raise OptionError(
                f"{key} begins or ends with a space or holds a line end, which cannot stand in a service file.",
                hint="Choose another value.",
            )
    lines = [f"[{SERVICE}]", *(f"{key}={value}" for key, value in parameters.items())]
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
