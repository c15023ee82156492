# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a manifest says of a backup of Redis or Valkey."""

from __future__ import annotations

import dataclasses

RDB = "rdb"
"""What the artifacts are for: each is the RDB of one node."""


@dataclasses.dataclass(frozen=True)
class Database:
    """What the RDB holds of one database. ``keys`` is -1 where nobody could count them."""

    number: int
    keys: int
    expires: int


@dataclasses.dataclass(frozen=True)
class Node:
    """One server and its RDB."""

    artifact: str
    address: str
    slots: str  # of a cluster: 0-5460; else empty
    version: str
    rdb_version: int
    checksum: str  # CRC64 in hexadecimal digits; empty where the server makes none
    counted: bool  # False: the RDB holds something that the release that took it did not know
    databases: tuple[Database, ...]
    functions: int
    used_memory_bytes: int = 0  # what the data took in the server's memory; 0 where it does not say
    role: str = ""  # master, slave; empty where we might not ask

    @property
    def keys(self) -> int:
        """The number of keys in all databases."""
        return sum(database.keys for database in self.databases)


@dataclasses.dataclass(frozen=True)
class RedisContent:
    """The nodes of a cluster, or the one server. ``product`` is redis or valkey."""

    product: str
    cluster: bool
    nodes: tuple[Node, ...]
