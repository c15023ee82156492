# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The reports of rehearsals in a folder of the host. A staging host that may not write into a repository has no others:
those that no repository took are a chain of their own here, with numbers and hashes like the one in a repository.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import os
import stat
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._chain import MOST_BYTES, Chain, from_json
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._model import Rehearsal


@dataclasses.dataclass(frozen=True)
class Folder:
    """Every report that is there, and the chain of those that no repository has."""

    rehearsals: tuple[Rehearsal, ...] = ()
    chain: Chain = Chain()


def stem_of(rehearsal: Rehearsal) -> str:
    """What the files of a report are called, without their endings."""
    return f"{rehearsal.app}_rehearsal_{rehearsal.run_id}"


def read_folder(folder: str, app: str) -> Folder:
    """The reports of this application in the folder. One that cannot be read, or does not follow the one before, is
    named.
    """
    found: list[tuple[str, Rehearsal, str]] = []
    broken: list[str] = []
    for path in sorted(glob.glob(f"{glob.escape(os.path.join(folder, app))}_rehearsal_*.json")):
        try:
            content = _read(path)
            rehearsal = from_json(content)
        except OSError as error:
            broken.append(f"{path} cannot be read: {error.strerror or error}")
        except (ValueError, AttributeError) as error:
            broken.append(f"{path} cannot be read: {error}")
        else:
            if rehearsal.app == app:
                found.append((path, rehearsal, hashlib.sha256(content).hexdigest()))
    own = [(path, one, digest) for path, one, digest in found if one.number and not one.stored_in]
    before, previous = 0, ""
    for path, one, digest in sorted(own, key=lambda entry: (entry[1].number, entry[1].began_at)):
        if one.number != before + 1:
            broken.append(f"{path} is rehearsal {one.number}, and the one before it in this folder is {before}")
        elif one.previous_sha256 != previous:
            broken.append(f"{path} does not follow the report before it")
        before, previous = one.number, digest
    kept = tuple(sorted((one for _path, one, _digest in own), key=lambda one: one.number))
    return Folder(tuple(one for _path, one, _digest in found), Chain(kept, before, previous, tuple(broken)))


def _read(path: str) -> bytes:
    """The file. Root reads in a folder that another account may own: no link is followed, no pipe waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a file")
        return file.read(MOST_BYTES)


def in_order(*groups: t.Iterable[Rehearsal]) -> list[Rehearsal]:
    """All of them, each once, the oldest first."""
    unique = {one.run_id: one for group in groups for one in group}
    return sorted(unique.values(), key=lambda one: (one.began_at, one.run_id))
