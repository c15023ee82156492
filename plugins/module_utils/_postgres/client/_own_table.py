# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Tables that this collection keeps in a live database (``lifeboat.*``): whether they are its own.

Whoever may create schemas there can have made one of that name first. A trigger, a default or a view of theirs would
run with the rights of whoever writes or reads, which is a superuser most of the time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query

if t.TYPE_CHECKING:
    import psycopg2.extensions

_OWNER = """
    select c.relkind = 'r' and not c.relhasrules, pg_get_userbyid(c.relowner)::text,
      c.relowner = me.oid or not me.rolsuper
      or (o.rolsuper and not exists (select from pg_trigger where tgrelid = c.oid and not tgisinternal))
    from pg_class c join pg_roles o on o.oid = c.relowner cross join pg_roles me
    where c.oid = to_regclass(%s) and me.rolname = current_user
"""


def refuse_foreign(cursor: psycopg2.extensions.cursor, table: str, *, writes: bool) -> None:
    """Refuse a table that runs what somebody else wrote. One that is not there is fine. Raises LifeboatError."""
    for is_plain, owner, is_trusted in query(cursor, _OWNER, (table,)):
        if not is_plain:
            raise LifeboatError(
                f"{table} is not a plain table, and belongs to the role {owner}: to use it would run what that role "
                "wrote. Nothing was read or written.",
                hint=f"Find out who made it, and drop it; it is made again. Only {owner} or a superuser can drop it.",
            )
        if writes and not is_trusted:
            raise LifeboatError(
                f"{table} belongs to the role {owner}, which is not a superuser: to write into it would run whatever "
                "that role puts there with a superuser's rights. Nothing was written.",
                hint=f"Where it is yours, give it away: ALTER TABLE {table} OWNER TO CURRENT_USER. Else find out who "
                "made it.",
            )
