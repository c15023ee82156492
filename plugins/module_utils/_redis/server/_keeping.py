# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether a server takes keys, and keeps those that it has taken."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Connection, ServerError
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._standby import read_info

# What RESTORE says of one key (src/cluster.c). All else is said of every key, and ends the work.
_OF_ONE_KEY = ("ERR Bad data format", "ERR Invalid TTL", "BUSYKEY ")
_LONGEST = 200  # characters


def refusal_of(answer: t.Any, name: str, *, library: bool = False) -> str:
    """What a server says of one key or one library that it does not take, in words; empty for every other answer."""
    if not isinstance(answer, ServerError):
        return ""
    said = f"{answer.code} {answer.text}"
    of_one = answer.code == "ERR" and not answer.text.startswith("unknown") if library else said.startswith(_OF_ONE_KEY)
    return f"{name} ({said[:_LONGEST]})" if of_one else ""


def refuse_replicas(connections: t.Iterable[Connection]) -> None:
    """Raise OptionError for a server that follows another one and takes no writes.

    One that hides its INFO is taken for what it should be.
    """
    for connection in connections:
        info = _info(connection)
        if info.get("role") == "slave" and info.get("slave_read_only") != "0":
            raise OptionError(
                f"The server is a replica of {info.get('master_host')}:{info.get('master_port')}, and takes no keys. "
                "Nothing has been written.",
                hint="Name the primary: its replicas get what it gets.",
            )


def evicted(connections: t.Iterable[Connection]) -> int:
    """How many keys the servers have thrown away for want of memory since they were started, as far as they say."""
    counts = (_info(connection).get("evicted_keys", "") for connection in connections)
    return sum(int(count) for count in counts if count.isdecimal())


def _info(connection: Connection) -> dict[str, str]:
    try:
        return read_info(connection.text("INFO").decode("utf-8", "replace"))
    except ServerError as error:
        if error.code != "NOPERM":
            raise
        return {}
