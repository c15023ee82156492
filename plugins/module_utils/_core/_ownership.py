# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Who owns what root writes: whoever owns the folder.

A rehearsal runs as root, so that what it restores can run as an account that owns nothing. What it writes into the
repository of the account that backs up must still be that account's, or the next backup could not read the catalog.
"""

from __future__ import annotations

import os


def give_to_owner_of(folder: str, made: int | str) -> None:
    """Give a file that root has just made (its descriptor, or its path) to the owner of the folder. Raises OSError.

    Anybody else's files are their own already.
    """
    if os.geteuid() != 0:
        return
    owner = os.stat(folder)
    if owner.st_uid == 0:
        return
    if isinstance(made, int):
        os.fchown(made, owner.st_uid, owner.st_gid)
    else:
        os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_folders(path: str, mode: int = 0o700) -> None:
    """Make the folder, and those above it that are missing, each root's own or the owner's of the one above it. Raises
    OSError.

    A folder that is there stays as it is.
    """
    above = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(above):
        make_folders(above, mode)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    else:
        give_to_owner_of(above, path)
