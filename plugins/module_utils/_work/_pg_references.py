# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_references``: the names that a query of a database finds."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    connection_from_options,
    import_psycopg2,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import LOOK_SPEC, exchange, taken_by

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ENTRIES_SPEC: dict[str, dict[str, t.Any]] = {"query": {"type": "str", "required": True}}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {**CONNECTION_SPEC, **ENTRIES_SPEC, **LOOK_SPEC}
_ROWS = 10_000


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    seconds = parse_duration("time_limit", options["time_limit"]).total_seconds()
    taken_by(options["take"])
    if module.check_mode:
        return {"changed": False}
    with contextlib.closing(_values(connection_from_options(options), options["query"], seconds)) as values:
        return exchange(options, values)


def _values(connection: Connection, query: str, seconds: float) -> t.Generator[str, None, None]:
    """The only column of the query, as text, without what is null. Nothing can be written by it."""
    library = import_psycopg2()
    session = connection.connect(autocommit=False)
    try:
        with session.cursor() as cursor:
            cursor.execute("set transaction read only")
            cursor.execute("set local statement_timeout = %s", (f"{max(1, round(seconds * 1000))}ms",))
            cursor.execute("set local search_path = public")
        with session.cursor(name="lifeboat_references") as rows:
            rows.itersize = _ROWS
            rows.execute(query)
            for row in rows:
                if len(row) != 1:
                    raise SourceError(f"The query gives {len(row)} columns.", hint="It must give one: the names.")
                if row[0] is not None:
                    yield str(row[0])
    except library.Error as error:
        reason = error.diag.message_primary if getattr(error, "diag", None) else ""
        raise SourceError(
            f"The query in {connection.describe()} failed: {reason or str(error).strip()}.",
            hint="It is one SELECT, runs in the schema public unless it names another, and writes nothing.",
        ) from None
    finally:
        session.close()
