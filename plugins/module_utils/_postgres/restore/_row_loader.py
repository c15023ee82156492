# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A role of a scratch cluster that loads rows, and is no superuser.

COPY runs the functions of CHECK constraints, generated columns and domains as whoever loads, and their owners wrote
them. The loader is a member of every restored role, so it may do what the owners may; and while it loads, none of them
is a superuser, may create roles, or run programs and reach files through the server. Indexes, foreign keys and
materialized views run what owners wrote as the owner already.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection

LOADER = "lifeboat_loader"  # unlikely to be the name of a role that is restored
SINCE = 140000
"""The first version that has pg_read_all_data and pg_write_all_data."""
_DANGEROUS = "('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')"
_RESTORED = f"rolname !~ '^pg_' and rolname <> session_user and rolname <> '{LOADER}'"
# All names stay in the server: those of roles may be in any encoding.
_REMEMBER = f"""
    select coalesce(array_agg(oid::int8) filter (where rolsuper), '{{}}'),
      coalesce(array_agg(oid::int8) filter (where rolcreaterole), '{{}}'),
      coalesce(array_agg(oid::int8) filter (where rolbypassrls), '{{}}'),
      (select coalesce(array_agg(array[m.roleid::int8, m.member::int8]), '{{}}') from pg_auth_members m
       join pg_roles g on g.oid = m.roleid where g.rolname in {_DANGEROUS})
    from pg_roles where {_RESTORED}
"""
_TAKE = f"""
    do $lifeboat$
    declare
      r pg_catalog.record;
    begin
      create role {LOADER} login bypassrls;
      grant pg_read_all_data, pg_write_all_data to {LOADER};
      for r in select rolname, rolsuper from pg_roles where {_RESTORED} loop
        execute format('alter role %I nosuperuser nocreaterole', r.rolname);
        execute format('grant %I to {LOADER}', r.rolname);
        if r.rolsuper then
          execute format('alter role %I bypassrls', r.rolname);
          execute format('grant pg_read_all_data, pg_write_all_data to %I', r.rolname);
        end if;
      end loop;
      for r in select g.rolname as given, k.rolname as keeper from pg_auth_members m
          join pg_roles g on g.oid = m.roleid join pg_roles k on k.oid = m.member where g.rolname in {_DANGEROUS} loop
        execute format('revoke %I from %I cascade', r.given, r.keeper);
      end loop;
    end $lifeboat$
"""
_ATTRIBUTE = """
    do $lifeboat$
    declare
      r pg_catalog.record;
    begin
      for r in select rolname from pg_roles where oid = any(%s::int8[]::oid[]) loop
        execute format('alter role %%I {}', r.rolname);
      end loop;
    end $lifeboat$
"""
_DENIED = re.compile(
    # The last is what PL/pgSQL says of "raise insufficient_privilege" without a message.
    r"permission denied|must be (?:owner|superuser|able|a member)|row-level security|\binsufficient_privilege\b",
    re.IGNORECASE,
)


def is_denied(error: LifeboatError) -> bool:
    """Whether a superuser might have gone on."""
    return _DENIED.search(error.message) is not None


@contextlib.contextmanager
def row_loader(superuser: Connection) -> t.Iterator[Connection]:
    """The loader's connection to the same database. Afterwards every role has the rights again that it had.

    Raises LifeboatError where the roles cannot be changed.
    """
    psycopg2 = import_psycopg2()
    session = superuser.connect()
    try:
        with session.cursor() as cursor:
            cursor.execute(_REMEMBER)
            remembered = cursor.fetchall()[0]
            cursor.execute(_TAKE)
            try:
                yield superuser.with_role(LOADER)
            finally:
                _give_back(cursor, *remembered)
    except psycopg2.Error as error:
        raise LifeboatError(f"The role that loads the rows could not be made: {str(error).strip()}") from None
    finally:
        session.close()


def _give_back(
    cursor: psycopg2.extensions.cursor,
    superusers: list[int],
    creators: list[int],
    passers: list[int],
    members: list[list[int]],
) -> None:
    """The rights to whoever had them, and none to the loader."""
    given = {"superuser": superusers, "createrole": creators}
    for attribute, oids in given.items():
        cursor.execute(_ATTRIBUTE.format(attribute), (oids,))
    cursor.execute(_ATTRIBUTE.format("nobypassrls"), ([oid for oid in superusers if oid not in passers],))
    for granted, member in members:
        cursor.execute(
            """do $lifeboat$ begin execute format('grant %%s to %%s', %s::int8::oid::regrole, %s::int8::oid::regrole);
               exception when others then null; end $lifeboat$""",
            (granted, member),
        )
    cursor.execute(f"alter role {LOADER} nologin nobypassrls")
    cursor.execute(f"""do $lifeboat$ begin drop role {LOADER}; exception when others then null; end $lifeboat$""")
