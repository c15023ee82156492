# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``failover_host_info``: what a host could carry, and whether it has what it needs."""

from __future__ import annotations

import datetime
import hashlib
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC, open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._status._certificates import (
    CERTIFICATES_SPEC,
    check_certificates,
    look_at_certificate,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "data_dir": {"type": "path"},
    "files": {"type": "list", "elements": "path", "default": []},
    "canary": {"type": "path"},
    **ENCRYPTION_SPEC,
    **CERTIFICATES_SPEC,
}
_PIECE_BYTES = 1 << 16
_MOST_BYTES = 1 << 20
_SECONDS = 5.0


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    certificates = options["certificates"] or []
    check_certificates(certificates)
    now = datetime.datetime.now(datetime.timezone.utc)
    shown = [look_at_certificate(entry, now, _SECONDS) for entry in certificates]
    return {
        "changed": False,
        "clock": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "processors": os.cpu_count() or 0,
        **_disk(options["data_dir"]),
        "files": {path: _digest(path) for path in options["files"]},
        "canary_problem": _canary(options) if options["canary"] else "",
        "certificates": [{"name": one.name, "state": one.state, "message": one.message} for one in shown],
    }


def _disk(path: str | None) -> dict[str, int | None]:
    """The file system of this folder; None where it cannot be asked."""
    try:
        found = os.statvfs(path or "/nowhere")
    except OSError:
        return {"disk_bytes": None, "disk_free_bytes": None}
    return {"disk_bytes": found.f_frsize * found.f_blocks, "disk_free_bytes": found.f_frsize * found.f_bavail}


def _digest(path: str) -> str:
    """SHA-256 of the file; empty where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()


def _canary(options: t.Mapping[str, t.Any]) -> str:
    """Why the encrypted file cannot be opened here; empty where it can."""
    engine = (options["encryption"] or {}).get("engine") or "age"
    try:
        cipher = open_cipher(options["encryption"] or {}, engine=engine)
        cipher.check_decryption()
        with open(options["canary"], "rb") as file:
            content = b"".join(cipher.decrypt(iter([file.read(_MOST_BYTES)])))
    except LifeboatError as error:
        return error.message
    except OSError as error:
        return f"{options['canary']} cannot be read: {error.strerror}"
    return "" if content else f"{options['canary']} is empty"
