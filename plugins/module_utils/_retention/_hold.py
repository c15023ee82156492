# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Holds: a small file in a backup's folder that keeps the backup from being deleted, with who wants that and why."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

HOLDS_FOLDER = "holds"
_SCHEMA = "lifeboat.hold/1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MOST_BYTES = 64 << 10


def check_hold_name(name: str) -> str:
    """The name, if it can name a file in every repository. Raises OptionError."""
    if not _NAME.fullmatch(name):
        raise OptionError(
            f"name: {name!r} cannot name a hold.",
            hint="Use up to 63 letters, digits, dots, dashes and underscores, and begin with a letter or a digit.",
        )
    return name


def hold_path(folder: str, name: str) -> str:
    """Where the hold ``name`` of the backup in ``folder`` is."""
    return f"{folder}/{HOLDS_FOLDER}/{name}.json"


def hold_document(name: str, reason: str, host: str, at: str) -> bytes:
    """The file's content."""
    document = {"schema": _SCHEMA, "name": name, "reason": reason, "host": host, "at": at}
    return json.dumps(document, indent=1).encode("ascii") + b"\n"


def read_hold(repository: Repository, folder: str, file: str) -> str:
    """The hold's name and reason in words. One that cannot be read holds all the same: only its removal ends it."""
    name = file.removesuffix(".json")
    try:
        document = read_json(repository.read_file(f"{folder}/{HOLDS_FOLDER}/{file}", _MOST_BYTES))
        return f"{name} ({document['reason']})" if document["reason"] else name
    except (LifeboatError, ValueError, KeyError, TypeError):
        return f"{name} (its file cannot be read)"
