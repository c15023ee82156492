# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_dump_info``: which dumps lie in a folder."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps._files import Dump

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "path": {"type": "path", "required": True},
    "pattern": {"type": "str", "default": "*"},
    **ENCRYPTION_SPEC,
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps import _files

    options = module.params
    found = _files.find(options["path"], options["pattern"], options["encryption"])
    return {"changed": False, "dumps": [described(dump) for dump in found]}


def described(dump: Dump) -> dict[str, t.Any]:
    """A dump, as the modules return it."""
    age = datetime.datetime.now(datetime.timezone.utc) - dump.modified
    return {
        "path": dump.path,
        "kind": dump.kind.kind,
        "wrapped": list(dump.wrapped),
        "bytes": dump.bytes,
        "modified": dump.modified.isoformat(timespec="seconds"),
        "age_seconds": int(age.total_seconds()),
        "database": dump.kind.database,
        "server_version": dump.kind.server_version,
        "dump_version": dump.kind.dump_version,
        "why": dump.why,
    }
