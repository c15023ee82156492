# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The least rights of a role that backs up: what is granted, and whether it is granted already.

Facts: PostgreSQL's documentation, "Predefined Roles"; what each module asks for is in the how-to on roles and rights.
"""

from __future__ import annotations

import dataclasses

DUMP, BASE_BACKUP = "dump", "base_backup"
PURPOSES = (DUMP, BASE_BACKUP)
OLDEST = 140000  # pg_read_all_data
_FUNCTIONS = ("pg_switch_wal()", "pg_create_restore_point(text)")


@dataclasses.dataclass(frozen=True)
class Grant:
    """A statement, and a question whose answer is true where it has nothing left to do. ``%(role)s`` is the role."""

    statement: str
    question: str


def grants(role: str, purpose: str, version: int, *, row_security: bool = False) -> list[Grant]:
    """What a role needs to take dumps, or base backups, from a server of this version (such as 150004)."""
    name = '"' + role.replace('"', '""') + '"'
    found = [Grant(f"CREATE ROLE {name} LOGIN", "select exists (select from pg_roles where rolname = %(role)s)")]
    found.append(_attribute(name, "LOGIN", "rolcanlogin"))
    if purpose == DUMP:
        found += [_member(name, "pg_read_all_data")]
        if row_security:
            found.append(_attribute(name, "BYPASSRLS", "rolbypassrls"))
        return found
    found += [_attribute(name, "REPLICATION", "rolreplication"), _member(name, "pg_monitor")]
    if version >= 150000:
        found.append(_member(name, "pg_checkpoint"))
    for function in _FUNCTIONS:
        question = f"select has_function_privilege(oid, '{function}', 'execute') from pg_roles where rolname = %(role)s"
        found.append(Grant(f"GRANT EXECUTE ON FUNCTION {function} TO {name}", question))
    owned = "select exists (select from pg_namespace where nspname = 'lifeboat')"
    return [*found, Grant(f"CREATE SCHEMA lifeboat AUTHORIZATION {name}", owned)]


def _attribute(name: str, word: str, column: str) -> Grant:
    return Grant(f"ALTER ROLE {name} {word}", f"select {column} from pg_roles where rolname = %(role)s")


def _member(name: str, group: str) -> Grant:
    question = (
        "select exists (select from pg_auth_members m join pg_roles r on r.oid = m.member join pg_roles g "
        f"on g.oid = m.roleid where r.rolname = %(role)s and g.rolname = '{group}')"
    )
    return Grant(f"GRANT {group} TO {name}", question)


def statements(role: str, purpose: str, version: int = OLDEST + 10000) -> list[str]:
    """The statements for a role that is not there yet, as a person runs them: made so, it can log in already."""
    found = [one.statement for one in grants(role, purpose, version)]
    return [f"{one};" for one in found if not (one.startswith("ALTER") and one.endswith(" LOGIN"))]
