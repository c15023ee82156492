# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The rules for paths inside a repository, the same for every kind of store, so that a backup can be copied from any to
any other.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError

PARTIAL_SUFFIX = ".partial"
PROBE_PREFIX = ".lifeboat-probe-"
PROBE_KEPT_SECONDS = 3600  # a probe file older than this was left by a killed run
LONGEST_PART_BYTES = 255 - len(
    PARTIAL_SUFFIX
)  # NAME_MAX of Linux file systems, less what a file has while it is written
LONGEST_PATH_BYTES = 900  # an S3 key may have 1,024 bytes; the rest is for the repository's own prefix


def check_path(path: str) -> str:
    """The path of one file, unchanged.

    Raises RepositoryError on anything that could leave the repository or that a store cannot hold.
    """
    why = _folder_fault(path) or _file_fault(path.rpartition("/")[2])
    if why:
        raise _refused(path, why)
    return path


def check_folder(prefix: str) -> str:
    """A folder's path without the slash at its end; ``""`` is the repository itself.

    Raises RepositoryError as ``check_path`` does.
    """
    folder = prefix[:-1] if prefix.endswith("/") else prefix
    why = _folder_fault(folder) if prefix else ""
    if why:
        raise _refused(prefix, why)
    return folder


def is_whole_file(path: str) -> bool:
    """Whether a file found in a store is one of the repository's files: no partial file, no probe, no name that
    ``check_path`` refuses.
    """
    return not (_folder_fault(path) or _file_fault(path.rpartition("/")[2]))


def parents(path: str) -> t.Iterator[str]:
    """The folders above ``path``, the deepest first, without the repository itself."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def readable_size(count: int) -> str:
    """A number of bytes for people: ``1.5 GiB``."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _refused(path: str, why: str) -> RepositoryError:
    return RepositoryError(
        f"The path {path!r} cannot be used in a repository: {why}.", hint="Choose another name. Nothing was touched."
    )


def _folder_fault(path: str) -> str:
    if not path:
        return "it is empty"
    if path.startswith("/"):
        return "it is absolute"
    parts = path.split("/")
    if "" in parts:
        return "it has an empty part"
    if "." in parts or ".." in parts:
        return "it has a part . or .."
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return "it has a control character"
    try:
        longest, whole = max(len(part.encode()) for part in parts), len(path.encode())
    except UnicodeEncodeError:
        return "it is not Unicode"
    if longest > LONGEST_PART_BYTES:
        return f"a part of it has {longest} bytes, and at most {LONGEST_PART_BYTES} fit every store"
    if whole > LONGEST_PATH_BYTES:
        return f"it has {whole} bytes, and at most {LONGEST_PATH_BYTES} fit every store"
    return ""


def _file_fault(name: str) -> str:
    if name.endswith(PARTIAL_SUFFIX):
        return f"{PARTIAL_SUFFIX} at the end marks unfinished files"
    if name.startswith(PROBE_PREFIX):
        return f"{PROBE_PREFIX} at the beginning marks probes"
    return ""
