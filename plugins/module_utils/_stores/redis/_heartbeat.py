# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The heartbeat of a Redis or Valkey server: a key of database 0, which its replicas get like any other write."""

from __future__ import annotations

import datetime
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import run_program
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import (
    Server,
    ServerError,
    server_from_options,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._replication import HEARTBEAT_KEY, read_position
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._options import CONNECTION_SPEC

_TIMEOUT_SECONDS = 5.0


class CacheBeater:
    """Writes heartbeats into a primary, each through a connection of its own."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def beat(self, counter: int) -> dict[str, t.Any]:
        """Write the key, and give how far the primary's stream of replication has come then. Raises LifeboatError."""
        at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        value = json.dumps({"counter": counter, "at": at}).encode("ascii")
        with self._server.connect(Deadline(_TIMEOUT_SECONDS)) as connection:
            try:
                connection.text("SET", HEARTBEAT_KEY, value)
            except ServerError as error:
                if error.code != "READONLY":
                    raise
                raise LifeboatError(f"{self._server} is a replica, and takes no heartbeat.") from None
            position = read_position(connection)
        return {"at": at, "offset": position.offset, "replication_id": position.replication_id}

    def close(self) -> None:
        """There is no connection between two beats."""


def beater_of(options: t.Mapping[str, t.Any], _facts: t.Mapping[str, t.Any]) -> CacheBeater:
    """The writer of a server that the options of a module describe; what they do not say has its default."""
    defaults = {name: option.get("default") for name, option in CONNECTION_SPEC.items()}
    return CacheBeater(server_from_options({**defaults, **options}))


def main(arguments: t.Sequence[str]) -> int:
    """Beat until a signal ends it. Gives the exit status."""
    return run_program(arguments, beater_of)
