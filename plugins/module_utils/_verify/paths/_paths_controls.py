# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Damage on purpose that only a proof of files can see: a file of another content, a lost one, a damaged pack."""

from __future__ import annotations

import os
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._file_hashes import FileHash, difference
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import ScratchFolder
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Control
from ansible_collections.lifeboat.dr.plugins.module_utils._restic._restic import Restic

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline


def file_controls(root: str, sample: t.Sequence[FileHash], deadline: Deadline) -> list[Control]:
    """One restored file of the scratch folder is changed, and then removed; the comparison has to see both."""
    plans = (
        ("control.byte", "One bit of a restored file turned over", _flip),
        ("control.lost", "A restored file lost", os.unlink),
    )
    subject = next((file for file in sample if file.size and file.sha256), None)
    if subject is None:
        words = "the sample has no file with a byte in it and a hash"
        return [Control(name, title, "", "skipped", words) for name, title, _damage in plans]
    controls = []
    for name, title, damage in plans:
        damage(root + subject.path)
        said = difference(root, subject, deadline, lambda count: None)
        words = f"Refused: {said}." if said else "The damaged file was taken for a good one."
        controls.append(Control(name, title, subject.path, "passed" if said else "failed", words))
    return controls


def _flip(path: str) -> None:
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def pack_control(binary: str, scratch_dir: str, deadline: Deadline) -> Control:
    """A repository made for this, with one pack damaged: restic check has to refuse it. Raises LifeboatError."""
    name, title = "control.pack", "One bit of a pack of restic turned over"
    with ScratchFolder(scratch_dir) as scratch:
        for content in ("file", "password"):
            with open(f"{scratch.path}/{content}", "w", encoding="ascii") as file:
                file.write(secrets.token_hex(1 << 15 if content == "file" else 16))
        options = {
            "restic_repository": f"{scratch.path}/repository",
            "restic_password_file": f"{scratch.path}/password",
            "restic_binary": binary,
            "restic_lock_timeout": "0s",
        }
        other = Restic(options, deadline)
        other.call("init")
        other.call("backup", "--json", f"{scratch.path}/file")
        other.call("check", "--read-data")  # it is good before
        packs = [
            f"{folder}/{pack}" for folder, _folders, files in os.walk(f"{other.repository}/data") for pack in files
        ]
        _flip(max(packs, key=os.path.getsize))
        damage = "the largest pack of a scratch repository"
        try:
            other.call("check", "--read-data")
        except LifeboatError as error:
            return Control(name, title, damage, "passed", f"Refused: {error.message}")
        return Control(name, title, damage, "failed", "restic check took the damaged repository for a good one.")
