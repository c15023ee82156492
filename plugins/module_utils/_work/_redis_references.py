# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``redis_references``: keys of a server, or values of a field of its hashes."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import LOOK_SPEC, exchange, taken_by
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._options import CONNECTION_SPEC

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Connection, Server

ENTRIES_SPEC: dict[str, dict[str, t.Any]] = {
    "pattern": {"type": "str", "default": "*"},
    "db": {"type": "int", "default": 0},
    "field": {"type": "str"},
}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    "cluster": {"type": "bool", "default": False},
    **ENTRIES_SPEC,
    **LOOK_SPEC,
}
_KEYS = 1000


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import server_from_options

    options = module.params
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    taken_by(options["take"])
    server = server_from_options(options)
    return {"changed": False} if module.check_mode else exchange(options, _entries(server, options, deadline))


def _entries(server: Server, options: t.Mapping[str, t.Any], deadline: Deadline) -> t.Iterator[str]:
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import servers_of

    for node in servers_of(server, options["cluster"], deadline):
        with node.connect(deadline) as connection:
            if options["db"]:
                connection.text("SELECT", options["db"])
            for keys in _scanned(connection, options["pattern"], deadline):
                found = _fields(connection, keys, options["field"]) if options["field"] else keys
                yield from (text.decode("utf-8", "surrogateescape") for text in found if text is not None)


def _scanned(connection: Connection, pattern: str, deadline: Deadline) -> t.Iterator[list[bytes]]:
    """The keys. One that is there all the time comes at least once (SCAN's promise)."""
    cursor = b"0"
    while True:
        deadline.check("Reading keys")
        cursor, keys = connection.call("SCAN", cursor, "MATCH", pattern, "COUNT", _KEYS)
        if keys:
            yield keys
        if cursor == b"0":
            return


def _fields(connection: Connection, keys: t.Sequence[bytes], field: str) -> list[bytes | None]:
    """The value of the field of each hash. A key that is no hash has none."""
    answers = connection.call_many([["HGET", key, field] for key in keys])
    return [answer if isinstance(answer, bytes) else None for answer in answers]
