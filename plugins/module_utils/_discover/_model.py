# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What was found on a host that a plan could protect, and what could not be seen."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Database:
    """A database of a PostgreSQL server that was reached through its socket."""

    name: str
    bytes: int
    socket_dir: str
    port: int
    account: str  # that owns the server
    version: str
    is_standby: bool = False


@dataclasses.dataclass(frozen=True)
class Streams:
    """An account of a NATS server with streams. ``names`` are those of its streams."""

    account: str
    url: str
    names: tuple[str, ...]
    bytes: int


@dataclasses.dataclass(frozen=True)
class KeyStore:
    """A server of Redis or Valkey."""

    program: str
    port: int
    is_cluster: bool = False


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder that something writes to, and what does."""

    path: str
    of: str


@dataclasses.dataclass
class Found:
    """All of it."""

    databases: list[Database] = dataclasses.field(default_factory=list)
    streams: list[Streams] = dataclasses.field(default_factory=list)
    key_stores: list[KeyStore] = dataclasses.field(default_factory=list)
    folders: list[Folder] = dataclasses.field(default_factory=list)
    dumps_of_today: list[str] = dataclasses.field(default_factory=list)  # file, line and program; never the line itself
    stanzas: list[str] = dataclasses.field(default_factory=list)  # of pgBackRest
    could_not_see: list[str] = dataclasses.field(default_factory=list)
