# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Asks a user's own question of a database that was restored."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check
from ansible_collections.lifeboat.dr.plugins.module_utils._verify import _assertions

if t.TYPE_CHECKING:
    import psycopg2.extensions

_QUERY_TIMEOUT_SECONDS = 600


def ask(cursor: psycopg2.extensions.cursor, *, assertion: _assertions.Assertion, number: int) -> Check:
    """The check that the answer makes. A query that fails is a check with the status error."""
    from psycopg2 import Error, InterfaceError

    check = Check(f"custom.{number + 1}", assertion.name, "custom", "passed")
    began = time.monotonic()
    try:
        cursor.execute("begin read only")
        cursor.execute("set local statement_timeout = %s", (f"{_QUERY_TIMEOUT_SECONDS}s",))
        cursor.execute("set local search_path = public")
        rows = _system_catalog.query(cursor, assertion.where["query"])
        cursor.execute("rollback")
    except (
        Error,
        ValueError,
        OverflowError,
    ) as error:  # a time before Christ is no error of the server's, and no datetime
        with contextlib.suppress(InterfaceError):  # the session is gone
            cursor.execute("rollback")
        reason = error.diag.message_primary if isinstance(error, Error) else None
        return dataclasses.replace(check, status="error", message=f"The query failed: {reason or str(error).strip()}")
    seconds = time.monotonic() - began
    if len(rows) != 1 or len(rows[0]) != 1:
        return dataclasses.replace(
            check, status="error", message="The query must give one row with one column.", seconds=seconds
        )
    right, expected, observed = _assertions.judge(assertion, rows[0][0], datetime.datetime.now(datetime.timezone.utc))
    return dataclasses.replace(
        check, status="passed" if right else "failed", expected=expected, observed=observed, seconds=seconds
    )
