# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_grants``: a role that may back up, and nothing more."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    connection_from_options,
    import_psycopg2,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._grants import (
    DUMP,
    OLDEST,
    PURPOSES,
    Grant,
    grants,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    "role": {"type": "str", "required": True},
    "role_password": {"type": "str", "no_log": True},
    "purpose": {"type": "str", "choices": list(PURPOSES), "default": DUMP},
    "row_security": {"type": "bool", "default": False},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    role = options["role"]
    if not role.strip() or role.startswith("pg_"):
        raise OptionError(f"role: {role!r} cannot be the name of a role.", hint="Use a name such as backup.")
    connection = connection_from_options(options)
    session = connection.connect()
    try:
        if session.server_version < OLDEST:
            raise LifeboatError(
                f"{connection.describe()} is PostgreSQL {session.server_version // 10000}, which has no "
                "pg_read_all_data. Nothing was changed.",
                hint="Back up as a superuser, or grant SELECT on each table.",
            )
        with session.cursor() as cursor:
            wanted = grants(role, options["purpose"], session.server_version, row_security=options["row_security"])
            missing = _missing(cursor, role, wanted)
            if not module.check_mode:
                _grant(session, cursor, role, options["role_password"], missing)
    except import_psycopg2().Error as error:
        raise LifeboatError(
            f"{connection.describe()} refused it: {str(error).splitlines()[0]}",
            hint="Run it as a superuser, such as postgres through the socket. A second run grants what is missing.",
        ) from None
    finally:
        session.close()
    return {"changed": bool(missing), "server": connection.describe(), "statements": [f"{one};" for one in missing]}


def _missing(cursor: psycopg2.extensions.cursor, role: str, wanted: t.Sequence[Grant]) -> list[str]:
    missing: list[str] = []
    for grant in wanted:
        cursor.execute(grant.question, {"role": role})
        row: t.Any = cursor.fetchone()
        # A role that is made now can log in.
        if not (row and row[0]) and not (missing and grant.statement.endswith(" LOGIN")):
            missing.append(grant.statement)
    return missing


def _grant(
    session: psycopg2.extensions.connection,
    cursor: psycopg2.extensions.cursor,
    role: str,
    password: str | None,
    missing: t.Sequence[str],
) -> None:
    for statement in missing:
        if statement.startswith("CREATE ROLE") and password:
            # Hashed here, so that no log of the server holds it.
            hashed = import_psycopg2().extensions.encrypt_password(password, role, session, "scram-sha-256")
            cursor.execute(f"{statement.replace('%', '%%')} PASSWORD %s", (hashed,))
        else:
            cursor.execute(statement)
