# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_backup``: is there a backup that is young enough, and if not, take one."""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import COMPRESSION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import (
    BACKUP_SPEC,
    back_up_component,
    check_options,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **BACKUP_SPEC,
    **CONNECTION_SPEC,
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **COMPRESSION_SPEC,
    **TOOLS_SPEC,
    **PROGRESS_SPEC,
    "databases": {"type": "list", "elements": "str"},
    "fingerprint": {"type": "str", "choices": ["stream", "rows", "count", "none"], "default": "stream"},
    "globals": {
        "type": "str",
        "choices": ["with_passwords", "without_passwords", "none"],
        "default": "without_passwords",
    },
    "jobs": {"type": "int", "default": 1},
    "lock_timeout": {"type": "str", "default": "60s"},
    **{option: {"type": "list", "elements": "str", "default": []} for option in _plan.FILTERS},
}
_HASHED = re.compile(r"-[0-9a-f]{8}$")


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._backup import PostgresEngine

    options = module.params
    check_options(options, ("max_age", "lock_timeout", "time_limit"))
    if not options["databases"]:
        return back_up_component(module, PostgresEngine(options, module.warn))
    return _several(module)


def _several(module: AnsibleModule) -> dict[str, t.Any]:
    """Each database is a component of its own. One that fails does not keep the others from being backed up."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._backup import PostgresEngine
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
        connection_from_options,
    )

    wanted = module.params["databases"]
    if "*" in wanted:
        session = connection_from_options(module.params).connect()
        try:
            with session.cursor() as cursor:
                wanted = _system_catalog.databases(cursor)
        finally:
            session.close()
    results: list[dict[str, t.Any]] = []
    failures: dict[str, str] = {}
    for database in wanted:
        component = component_name(module.params["component"], database)
        try:
            engine = PostgresEngine(module.params, module.warn, database)
            results.append(back_up_component(module, engine, component))
        except LifeboatError as error:
            failures[database] = str(error)
    changed = any(result["changed"] for result in results)
    if failures:
        words = " ".join(f"{database}: {reason}" for database, reason in failures.items())
        return {
            "failed": True,
            "changed": changed,
            "msg": f"{len(failures)} of {len(wanted)} databases failed. {words}",
            "backups": results,
        }
    return {"changed": changed, "backups": results}


def component_name(component: str, database: str) -> str:
    """The component that a database of a cluster is: ``codex-shop``.

    What had to be changed gets a hash, so no two are one; and so does what looks as if it had got one already.
    """
    head, plain = component[:29], re.sub(r"[^A-Za-z0-9._-]", "_", database)[:24]
    changed = (head, plain) != (component, database) or _HASHED.search(plain)
    digest = hashlib.sha256(f"{component}\0{database}".encode("utf-8", "surrogateescape")).hexdigest()
    return _manifest.check_name("component", f"{head}-{plain}" + (f"-{digest[:8]}" if changed else ""))
