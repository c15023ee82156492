# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``redis_standby_info``: where a server stands, and what its promotion would lose."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import parse_moment
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._options import CONNECTION_SPEC

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Server
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._standby import Position, Published

PRIMARY_SPEC: dict[str, dict[str, t.Any]] = {
    "primary_host": {"type": "str"},
    "primary_port": {"type": "int", "default": 6379},
    "primary_timeout": {"type": "str", "default": "5s"},
    "published": {
        "type": "dict",
        "options": {"offset": {"type": "int"}, "at": {"type": "str", "required": True}},
    },
    "heartbeat_key": {"type": "str", "default": "lifeboat:heartbeat", "no_log": False},
}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {**CONNECTION_SPEC, **PRIMARY_SPEC}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import server_from_options
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._replication import read_position

    options = module.params
    published = read_published(options["published"])
    server = server_from_options(options)
    primary, why = look_at_primary(options, server)
    with server.connect(Deadline(60)) as connection:
        position = read_position(connection, options["heartbeat_key"])
    return {"changed": False, **described(server, position, primary, why, published)}


def read_published(values: t.Mapping[str, t.Any] | None) -> Published | None:
    """The option ``published``. Raises OptionError."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._standby import Published

    return Published(values["offset"], parse_moment("published.at", values["at"])) if values else None


def look_at_primary(options: t.Mapping[str, t.Any], server: Server) -> tuple[Position | None, str]:
    """The primary that the options name, None where it does not answer, and why."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._replication import try_position

    if not options["primary_host"]:
        return None, "primary_host was not given"
    seconds = max(1.0, parse_duration("primary_timeout", options["primary_timeout"]).total_seconds())
    return try_position(server.at(options["primary_host"], options["primary_port"]), seconds, options["heartbeat_key"])


def described(
    server: Server, position: Position, primary: Position | None, why: str, published: Published | None
) -> dict[str, t.Any]:
    """What is known of a server, as the modules return it."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _standby

    other = primary if primary and primary.is_primary else None
    lag = _standby.measure(position, other, published)
    return {
        "server": str(server),
        "role": "primary" if position.is_primary else "replica",
        "word": "cascading" if primary and not primary.is_primary and not position.is_primary else lag.word,
        "because": lag.because,
        "loss_bytes": lag.loss_bytes,
        "loss_seconds": lag.loss_seconds,
        "offset": position.offset,
        "replication_id": position.replication_id,
        "follows": f"{position.primary_host}:{position.primary_port}" if position.primary_host else "",
        "replicas": position.replicas,
        "primary": {
            "reached": primary is not None,
            "why": why,
            "role": "" if primary is None else "primary" if primary.is_primary else "replica",
            "offset": primary.offset if primary else None,
            "replication_id": primary.replication_id if primary else "",
        },
        "split_brain": _standby.split_brain(position, primary),
        "appendonly": position.appendonly,
        "version": position.version,
        "measured_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
