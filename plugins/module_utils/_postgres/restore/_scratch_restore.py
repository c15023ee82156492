# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A restore into a scratch cluster, which gives the same database and is more careful on the way.

Rows are loaded by a role that is not a superuser where that works. Nothing reads another server's tables: foreign-data
wrappers lose their handler, and materialized views are filled last, one by one, so that one that would call elsewhere
stays empty and is named. A cluster that is kept gets the handlers back when everything is in it.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _selection
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._launch import NamelessFile
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _row_loader, _target
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._restore import Restore
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._row_loader import row_loader

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import TocEntry
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent

_VIEW_DATA = "MATERIALIZED VIEW DATA"
_ELSEWHERE = ("08", "HV")  # classes of SQLSTATE: connection exceptions, and errors of foreign data wrappers
_CLOSE = """
    do $lifeboat$
    declare statement pg_catalog.text;
    begin
      for statement in
        select format('alter foreign data wrapper %I no handler', fdwname) from pg_foreign_data_wrapper
        where fdwhandler <> 0
      loop execute statement; end loop;
    end $lifeboat$
"""
_QUIET = """
    do $lifeboat$
    declare statement pg_catalog.text;
    begin
      for statement in select format('alter event trigger %I disable', evtname) from pg_event_trigger
      loop execute statement; end loop;
    end $lifeboat$
"""
# Numbers alone pass through the client: names may be in any encoding.
_HANDLERS = "select oid::int8, fdwhandler::int8 from pg_foreign_data_wrapper where fdwhandler <> 0"
_OPEN = """
    do $lifeboat$
    declare statement pg_catalog.text;
    begin
      for statement in
        select format('alter foreign data wrapper %%I handler %%s', w.fdwname, h.handler::oid::regproc)
        from unnest(%s::int8[], %s::int8[]) as h (wrapper, handler) join pg_foreign_data_wrapper w
        on w.oid = h.wrapper::oid
      loop execute statement; end loop;
    end $lifeboat$
"""
_TRIGGERS = "select oid::int8, evtenabled::text from pg_event_trigger where evtenabled <> 'D'"
_LOUD = """
    do $lifeboat$
    declare statement pg_catalog.text;
    begin
      for statement in
        select format('alter event trigger %%I enable %%s', t.evtname, case e.how when 'A' then 'always'
          when 'R' then 'replica' else '' end)
        from unnest(%s::int8[], %s::text[]) as e (trigger, how) join pg_event_trigger t on t.oid = e.trigger::oid
      loop execute statement; end loop;
    end $lifeboat$
"""


class ScratchRestore(Restore):
    """``apart`` loads the rows as a role that is not a superuser. ``kept`` says that the cluster lives on, so that
    foreign-data wrappers get their handlers back. ``unpopulated`` names, with the reason, the materialized views that
    were left empty.
    """

    apart = True
    kept = False

    def run(self) -> None:
        """As a restore does, and then fill the materialized views."""
        self.unpopulated: list[tuple[str, str]] = []
        self._handlers: list[tuple[int, int]] = []
        super().run()
        # Event triggers are what pg_restore makes last, too. They fire for whatever is changed from here on.
        triggers = self._execute(_QUIET, _TRIGGERS) if self._views() or self._handlers else []
        if self._views():
            self._fill_views()
        if self.kept and self._handlers:
            self._execute(_OPEN, parameters=_columns(self._handlers))
        if triggers:
            self._execute(_LOUD, parameters=_columns(triggers))

    def _run(
        self,
        arguments: t.Sequence[str],
        pieces: t.Iterator[bytes] | None = None,
        *,
        files: t.Sequence[NamelessFile] = (),
    ) -> None:
        with contextlib.ExitStack() as stack:
            if "--section=post-data" in arguments and self._views():
                rest = {entry.dump_id for entry in self._restored() if entry.description != _VIEW_DATA}
                content = _selection.use_list(self.entries, rest).encode("ascii")
                listed = stack.enter_context(NamelessFile(content))
                # The last list is the one that pg_restore takes.
                *options, archive = arguments
                arguments, files = [*options, f"--use-list={listed.path}", archive], [*files, listed]
            super()._run(arguments, pieces, files=files)
        if "--section=pre-data" in arguments:
            self._handlers = self._execute(_CLOSE, _HANDLERS)

    def _load_rows(self) -> None:
        if not self.apart:
            super()._load_rows()
            return
        superuser = self._target
        with row_loader(superuser) as loader:
            self._target = loader
            try:
                super()._load_rows()
            finally:
                self._target = superuser

    def _views(self) -> list[tuple[str, str]]:
        """Schema and name of the materialized views that are filled, in the archive's order."""
        return [(entry.schema, entry.tag) for entry in self._restored() if entry.description == _VIEW_DATA]

    def _restored(self) -> list[TocEntry]:
        """The entries that are restored, in the archive's order."""
        return [entry for entry in self.entries if self._selected is None or entry.dump_id in self._selected]

    def _fill_views(self) -> None:
        """Fill them as pg_restore would have. Raises LifeboatError for one that cannot be filled for a reason of its
        own.
        """
        psycopg2 = import_psycopg2()
        from psycopg2 import sql

        session = self._target.connect()
        try:
            with session.cursor() as cursor:
                for schema, name in self._views():
                    self._deadline.check("Filling the materialized views")
                    try:
                        cursor.execute(sql.SQL("refresh materialized view {}").format(sql.Identifier(schema, name)))
                    except psycopg2.Error as error:
                        self._note(f"{schema}.{name}", error)
        finally:
            session.close()

    def _note(self, name: str, error: t.Any) -> None:
        reason = str(error.diag.message_primary or error).strip()
        names = {f"{schema}.{view}" for schema, view in self._views()}
        without = any(f'"{known.partition(".")[2]}" has not been populated' in reason for known in names)
        if not (str(error.pgcode or "").startswith(_ELSEWHERE) or "has no handler" in reason or without):
            raise LifeboatError(
                f"pg_restore would stop at {_VIEW_DATA} {name} in {self._target.describe()}: {reason}.",
                hint="A function that it calls may need a search_path of its own: ALTER FUNCTION ... SET search_path "
                "at the source, then back up again.",
            )
        self.unpopulated.append((name, reason))

    def _execute(
        self, statement: str, first: str = "", *, parameters: t.Sequence[t.Any] | None = None
    ) -> list[tuple[t.Any, ...]]:
        """Run the statement, and give what the query ``first`` found before it. Raises LifeboatError."""
        psycopg2 = import_psycopg2()
        session = self._target.connect()
        try:
            with session.cursor() as cursor:
                found = _system_catalog.query(cursor, first) if first else []
                cursor.execute(statement, parameters)
                return found
        except psycopg2.Error as error:
            raise LifeboatError(f"The scratch cluster refused a change: {str(error).strip()}") from None
        finally:
            session.close()


def _columns(rows: t.Sequence[tuple[t.Any, ...]]) -> list[list[t.Any]]:
    return [list(column) for column in zip(*rows)]


def restore(
    server: Connection,
    name: str,
    create: t.Callable[[], Connection],
    make: t.Callable[[Connection], ScratchRestore],
    content: PostgresContent,
) -> tuple[ScratchRestore, str]:
    """Restore into the database of this name that ``create`` makes, and say in words who loaded the rows.

    A superuser loads them only where nobody else can: a function of the source may need one. Raises LifeboatError.
    """
    reason = "the server is older than PostgreSQL 14"
    for apart in (True, False):
        if apart and content.server_version_num < _row_loader.SINCE:
            continue
        work = make(create())
        work.apart = apart
        try:
            work.run()
        except LifeboatError as error:
            if not apart or not _row_loader.is_denied(error):
                raise
            reason = error.message
            _target.drop(server, name)
            continue
        return work, "a role that is not a superuser" if apart else f"a superuser ({reason})"
    raise AssertionError("a superuser was tried last")
