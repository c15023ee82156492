# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What is refused before work starts: a role that cannot see everything, row-level security, tables that cannot be
read.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog

if t.TYPE_CHECKING:
    import psycopg2.extensions

_SHOWN = 5
# Compressed dumps are rarely larger than a third of the tables; half of them is asked for, so that the disk is not
# filled to the brim.
_COMPRESSED_SHARE = 0.5


def check_role(
    cursor: psycopg2.extensions.cursor,
    relations: t.Sequence[_system_catalog.Relation],
    filters: t.Mapping[str, t.Sequence[str]],
    where: str,
) -> None:
    """Refuse a backup that would miss rows.

    With filters pg_dump itself is the judge of what it needs. Raises LifeboatError.
    """
    role = _system_catalog.value(cursor, "select current_user::text")
    hidden = [
        relation.qualified_name for relation in relations if relation.filtered and relation.kind != "foreign table"
    ]
    filtered = any(filters.values())
    if hidden and not filtered:
        raise LifeboatError(
            f"Row-level security hides rows of {some(hidden)} from the role {role} at {where}, so the backup would "
            "not be whole.",
            hint=f'Let a superuser run: ALTER ROLE "{role}" BYPASSRLS; or make the role the tables\' owner.',
        )
    unreadable = [
        relation.qualified_name
        for relation in relations
        if not relation.readable and relation.kind in ("table", "partitioned table")
    ] + _system_catalog.unreadable_sequences(cursor)
    if unreadable and not filtered:
        raise LifeboatError(
            f"The role {role} at {where} may not read {some(unreadable)}, so the backup would not be whole.",
            hint=(
                f'Let a superuser run: GRANT pg_read_all_data TO "{role}"; (PostgreSQL 14 and later), or exclude '
                "these tables."
            ),
        )
    if _system_catalog.large_object_count(cursor) and not _may_read_large_objects(cursor):
        raise LifeboatError(
            f"The role {role} at {where} may not read every large object, so the backup would not be whole.",
            hint=(
                "Large objects can be read by a superuser, their owner, or a role that was granted each; let a "
                "superuser run the backup."
            ),
        )


def check_passwords(cursor: psycopg2.extensions.cursor) -> None:
    """Password hashes are in a catalog that few may read. Raises LifeboatError."""
    if not _system_catalog.value(cursor, "select has_table_privilege('pg_authid', 'select')"):
        raise LifeboatError(
            "globals: with_passwords needs a role that may read pg_authid, where the password hashes are.",
            hint="Use globals: without_passwords, or let a superuser or a member of pg_read_all_data run the backup.",
        )


def hidden_damage(cursor: psycopg2.extensions.cursor) -> list[str]:
    """The settings by which the server passes over damaged pages without an error, as far as they are on here.

    Only a superuser can set them, and one that was set for a rescue years ago makes every later backup miss rows.
    """
    names = ["ignore_checksum_failure", "ignore_system_indexes", "zero_damaged_pages"]
    rows = _system_catalog.query(
        cursor, "select name from pg_settings where name = any(%s) and setting = 'on' order by 1", (names,)
    )
    return [str(name) for (name,) in rows]


def needed_bytes(tables_bytes: int, compressed: bool, last_stored_bytes: int) -> int:
    """How much room to ask of a repository: a fifth more than the last backup took, or an estimate from the size of the
    tables.
    """
    if last_stored_bytes:
        return last_stored_bytes * 6 // 5
    return int(tables_bytes * (_COMPRESSED_SHARE if compressed else 1.2))


def _may_read_large_objects(cursor: psycopg2.extensions.cursor) -> bool:
    return bool(
        _system_catalog.value(
            cursor,
            """select (select rolsuper from pg_roles where rolname = current_user) or not exists (
                 select from pg_largeobject_metadata m where not pg_has_role(m.lomowner, 'usage') and not exists (
                   select from aclexplode(m.lomacl) a
                   where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'usage'))))""",
        )
    )


def some(names: t.Sequence[str]) -> str:
    """The first of these names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
