# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One synchronous standby: every commit on the primary waits until this standby has it."""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection

SET, RESET, KEEP, WAIT = "set", "reset", "keep", "wait"
_POLL_SECONDS = 0.1
ONE_STANDBY = (
    "There is one synchronous standby: while it is away, every commit on the primary waits. Set a second one, or watch "
    "it."
)
NOT_YET = (
    "The standby does not stream yet, so it was not made synchronous: every commit would wait for it. Start its "
    "server, and run this again."
)


def decide(current: str, name: str, wanted: bool, streams: bool) -> str:
    """What to do with ``synchronous_standby_names``. Pure.

    A primary that waits for a standby that is not there takes no commit, so the standby has to stream first. Raises
    LifeboatError where somebody else has set it.
    """
    ours = wanted_value(name)
    if current == ours:
        return KEEP if wanted else RESET
    if not wanted:
        return KEEP
    if current.strip() == "":
        return SET if streams else WAIT
    if re.search(rf"\b{re.escape(name)}\b", current):
        return KEEP
    raise LifeboatError(
        f"synchronous_standby_names is {current!r} on the primary, and does not name {name}: somebody has set it. "
        "Nothing of it was changed.",
        hint=f"Add {name} to it by hand, or empty it.",
    )


def wanted_value(name: str) -> str:
    """What this collection sets it to."""
    return f"FIRST 1 ({name})"


def apply(primary: Connection, name: str, wanted: bool, *, check_mode: bool, deadline: Deadline) -> str:
    """Make the standby ``name`` synchronous, or no longer, and give what was done. Raises LifeboatError."""
    library = import_psycopg2()
    session = primary.connect()
    try:
        with session.cursor() as cursor:
            current = str(value(cursor, "select current_setting('synchronous_standby_names')"))
            streams = bool(query(cursor, _STATE + " and state = 'streaming'", (name,)))
            action = decide(current, name, wanted, streams)
            if action in (SET, RESET) and not check_mode:
                cursor.execute(
                    "alter system set synchronous_standby_names = %s", (wanted_value(name) if wanted else "",)
                )
                cursor.execute("select pg_reload_conf()")
                _wait_for(cursor, name, wanted, deadline)
            return action
    except library.Error as error:
        raise LifeboatError(
            f"synchronous_standby_names cannot be changed at {primary.describe()}: {str(error).strip()}",
            hint="The role has to be a superuser; or, from PostgreSQL 15 on, it needs ALTER SYSTEM on that parameter "
            "and EXECUTE on pg_reload_conf().",
        ) from None
    finally:
        session.close()


_STATE = "select sync_state from pg_stat_replication where application_name = %s"


def _wait_for(cursor: t.Any, name: str, wanted: bool, deadline: Deadline) -> None:
    """Until the primary says so: the reload is not done at once."""
    while {row[0] for row in query(cursor, _STATE, (name,))} & {"sync", "quorum"} != ({"sync"} if wanted else set()):
        deadline.check(f"Waiting until {name} is {'synchronous' if wanted else 'no longer synchronous'}")
        time.sleep(deadline.remaining(_POLL_SECONDS))
