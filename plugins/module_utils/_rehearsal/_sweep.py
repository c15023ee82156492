# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a rehearsal keeps on its host while it runs, in one folder: scratch servers that outlive the module which made
them, and a journal that says how far it came. Whatever is there when a rehearsal begins was left by one that was
killed.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import shutil
import stat
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import (
    KEPT,
    PREFIX,
    remove_abandoned,
)

JOURNAL = "run.json"
NAMES = "references"  # the folder in which stores are compared with each other
_END_SECONDS = 30.0  # a supervisor looks once a second whether its server is still wanted


@dataclasses.dataclass(frozen=True)
class Swept:
    """What was there, and what is there still. ``journal`` is that of a run that did not come to its end."""

    removed: tuple[str, ...]
    left: tuple[str, ...]
    journal: dict[str, t.Any] | None


def open_folder(folder: str, *, make: bool) -> bool:
    """Whether the folder is there; it is made (0711: scratch accounts pass through) where that is asked for.

    Raises OptionError for one that somebody else could put something into, or that cannot be made.
    """
    try:
        if make:
            os.makedirs(folder, mode=0o711, exist_ok=True)
        found = os.lstat(folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OptionError(
            f"folder: {folder} cannot be made or read: {error.strerror}.",
            hint="Name a folder of the account that rehearses.",
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise OptionError(
            f"folder: {folder} is not a folder that the account which rehearses owns, and nobody else can write to.",
            hint="Remove it, or name another one.",
        )
    return True


def sweep(folder: str) -> Swept:
    """End every scratch server in the folder and remove what it had. Raises OptionError."""
    if not open_folder(folder, make=False):
        return Swept((), (), None)
    shutil.rmtree(f"{folder}/{NAMES}", ignore_errors=True)
    found = _scratch_folders(folder)
    for path in found:
        if os.path.lexists(f"{path}/{KEPT}"):
            os.unlink(f"{path}/{KEPT}")
    end = time.monotonic() + _END_SECONDS
    while _scratch_folders(folder) and time.monotonic() < end:
        if not any(_is_in_use(path) for path in found):
            remove_abandoned(folder)
        time.sleep(0.1)
    left = _leftovers(folder)
    return Swept(tuple(path for path in found if path not in left), tuple(left), read_journal(folder))


def has_leftovers(folder: str) -> bool:
    """Whether there is something to sweep. Raises OptionError."""
    return open_folder(folder, make=False) and bool(_leftovers(folder))


def read_journal(folder: str) -> dict[str, t.Any] | None:
    """The journal of a run that did not come to its end; None where there is none. A cut one says nothing."""
    try:
        with open(f"{folder}/{JOURNAL}", encoding="utf-8") as file:
            journal = read_json(file.read())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return journal if isinstance(journal, dict) else {}


def _scratch_folders(folder: str) -> list[str]:
    return sorted(glob.glob(f"{glob.escape(folder)}/{PREFIX}*"))


def _leftovers(folder: str) -> list[str]:
    names = f"{folder}/{NAMES}"
    return [*_scratch_folders(folder), *([names] if os.path.lexists(names) else [])]


def _is_in_use(path: str) -> bool:
    """Whether the supervisor of the server in this folder runs: it has the file that keeps it in its arguments.

    An application that has only the server's address in its own is none of ours to wait for.
    """
    wanted = os.fsencode(f"{path}/{KEPT}")
    for number in os.listdir("/proc"):
        if number.isdecimal() and int(number) != os.getpid():
            try:
                with open(f"/proc/{number}/cmdline", "rb") as file:
                    if wanted in file.read():
                        return True
            except OSError:  # it has ended
                continue
    return False
