# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Puts aside what a restored database forbids, or does by itself, before a proof runs statements of its own in it.

An event trigger may refuse every CREATE, a publication every DELETE, a rule may do something else instead. All of it
has been restored by now, which is what the proof is of; in a scratch cluster nobody needs it to act.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection

# Statements that are made and run by the server, so that no name has to pass through an encoding. Event triggers come
# first: they fire for the others, and never for what changes event triggers. One that does not work is left: whatever
# it is in the way of says so.
_PUT_ASIDE = """
    do $lifeboat$
    declare statement pg_catalog.text;
    begin
      for statement in
        select s from (
          select 1 as step, format('alter event trigger %I disable', evtname) as s from pg_event_trigger
          union all
          select 2, format('drop publication %I', pubname) from pg_publication
          union all
          select 3, format('alter table %I.%I disable trigger %I', n.nspname, c.relname, t.tgname)
          from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
          where not t.tgisinternal and c.relkind in ('r', 'p', 'f')
          union all
          select 4, format('alter table %I.%I disable rule %I', n.nspname, c.relname, r.rulename)
          from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p') and n.nspname !~ '^pg_'
        ) found order by step
      loop
        begin
          execute statement;
        exception when others then
          null;
        end;
      end loop;
    end $lifeboat$
"""


def put_aside(database: Connection) -> None:
    """Disable and remove it, in a scratch database. Raises LifeboatError where the server cannot be asked."""
    psycopg2 = import_psycopg2()
    session = database.connect()
    try:
        with session.cursor() as cursor:
            cursor.execute(_PUT_ASIDE)
    except psycopg2.Error as error:
        raise LifeboatError(f"The restored database refused to be made ready: {str(error).strip()}") from None
    finally:
        session.close()
