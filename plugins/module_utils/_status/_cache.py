# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What an earlier look has read of manifests and proofs, so that the next one reads only what is new.

It can be thrown away at any time. A file is known again by its repository, path, size and ETag; manifests and proofs
are written once, so what was read then is what would be read now. What the repositories hold is listed each time, and
what could not be read is never remembered.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import stat
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._whole_file import write_whole
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import StoredFile
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import Proof, SeenBackup

_SCHEMA = "lifeboat.status-cache/1"
_LARGEST = 256 << 20
_MOMENTS = ("taken_at", "finished_at")

Plain = dict[str, t.Any]


def key_of(repository: str, file: StoredFile) -> str:
    """By what a file is known again; empty where the repository does not say what changes with its content."""
    return f"{repository} {file.path} {file.size} {file.tag}" if file.tag else ""


class Cache:
    """What was read before, and what is read now. Without a path it remembers nothing.

    Threads may use it at the same time.
    """

    def __init__(self, path: str = "") -> None:
        self._path = path
        self._before = _read(path) if path else {}
        self._now: dict[str, Plain] = {}

    def backup(self, key: str) -> SeenBackup | None:
        """The backup whose manifest this is; None where that has to be read."""
        record = self._before.get(key)
        if record is None:
            return None
        with contextlib.suppress(KeyError, TypeError, ValueError):
            moments = {name: _moment(record[name]) for name in _MOMENTS}
            backup = SeenBackup(**{**record, **moments, "repositories": ()})
            self._now[key] = record
            return backup
        return None

    def proof(self, key: str, backup_id: str) -> Proof | None:
        """The proof that this is; None where it has to be read."""
        record = self._before.get(key)
        if record is None:
            return None
        with contextlib.suppress(KeyError, TypeError, ValueError):
            proof = Proof(_moment(record["verified_at"]), record["passed"] is True, record["seconds"], backup_id)
            self._now[key] = record
            return proof
        return None

    def keep_backup(self, key: str, backup: SeenBackup) -> None:
        """Remember what was read of a manifest."""
        if key and self._path:
            plain = {name: value for name, value in vars(backup).items() if name not in ("repositories", "proof")}
            self._now[key] = {**plain, **{name: plain[name].isoformat() for name in _MOMENTS}}

    def keep_proof(self, key: str, proof: Proof) -> None:
        """Remember what was read of a proof."""
        if key and self._path:
            moment = proof.verified_at.isoformat()
            self._now[key] = {"verified_at": moment, "passed": proof.passed, "seconds": proof.restore_seconds}

    def save(self) -> str:
        """Write what this look has used, and nothing else, so that the file does not grow. Returns why it could not."""
        if not self._path or self._now == self._before:
            return ""
        content = json.dumps({"schema": _SCHEMA, "files": self._now}, separators=(",", ":")).encode("ascii")
        try:
            os.makedirs(os.path.dirname(self._path) or ".", mode=0o700, exist_ok=True)
            write_whole(self._path, content)
        except OSError as error:
            return f"cache: {self._path} cannot be written ({error.strerror}), so the next look reads everything again."
        return ""


def _moment(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _read(path: str) -> dict[str, Plain]:
    """What is remembered; nothing where the file is none of ours, or others could have written it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o022 or found.st_uid not in (0, os.geteuid()):
                return {}
            document = read_json(file.read(_LARGEST))
        files = document["files"] if document["schema"] == _SCHEMA else {}
        return {str(key): one for key, one in files.items() if isinstance(one, dict)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
