# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One backup of Redis or Valkey: the RDB of the server, or of every primary of a cluster."""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine, Look, Part, Saved
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._transfer import Transfer
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import (
    ServerError,
    server_from_options,
    servers_of,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._content import (
    RDB,
    Database,
    Node,
    RedisContent,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._store import STORE

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import BackupSession
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Connection, Server


@dataclasses.dataclass(frozen=True)
class Source:
    """A server that is backed up, with what it says of itself where we may ask."""

    server: Server
    slots: str  # of a node of a cluster: 0-5460,7000; else empty
    info: t.Mapping[str, str]

    @property
    def keyspace(self) -> dict[str, int]:
        """How many keys each database has at this moment: ``db0``."""
        found = {name: re.match(r"keys=(\d+),", text) for name, text in self.info.items() if re.match(r"db\d", name)}
        return {name: int(match[1]) for name, match in found.items() if match}

    @property
    def used_memory_bytes(self) -> int:
        """What the data take in the server's memory; 0 where we may not ask."""
        used = self.info.get("used_memory", "")
        return int(used) if used.isdigit() else 0


@dataclasses.dataclass(frozen=True)
class RedisLook(Look):
    """The servers that will be backed up."""

    sources: tuple[Source, ...]


class RedisEngine(Engine[RedisLook]):
    """The RDB of one server, or of every primary of its cluster."""

    name = STORE.engine

    def __init__(self, options: t.Mapping[str, t.Any], warn: t.Callable[[str], None]) -> None:
        super().__init__(options, warn)
        self._server = server_from_options(options)

    def look(self, last: Manifest | None) -> RedisLook:
        """Sign in to every server, and announce what the backup will ask for."""
        deadline = Deadline(seconds_or_zero("time_limit", self._options["time_limit"]))
        sources = []
        for server, slots in servers_of(self._server, self._options["cluster"], deadline).items():
            with server.connect(deadline) as connection:
                info = _info(connection)
                Transfer(connection, str(server)).ask()
            sources.append(Source(server, slots, info))
        if sources[0].info.get("cluster_enabled") == "1" and not self._options["cluster"]:
            raise OptionError(
                f"The Redis server {self._server} is a node of a cluster: it has only the keys of its own slots.",
                hint="Set cluster: true, and every primary is backed up.",
            )
        used = sum(source.used_memory_bytes for source in sources)
        return RedisLook(last.stored_bytes if last else used // 2, tuple(sources))

    def planned(self, look: RedisLook) -> dict[str, t.Any]:
        """Where the servers are, and how much they hold at this moment, as far as they say so."""
        nodes = [
            {
                "address": str(source.server),
                "slots": source.slots,
                "version": _version(source.info),
                "role": source.info.get("role", ""),
                "keys": source.keyspace,
                "used_memory_bytes": source.used_memory_bytes,
            }
            for source in look.sources
        ]
        return {"nodes": nodes, "needed_bytes": look.needed_bytes}

    def save(self, look: RedisLook, session: BackupSession) -> Saved:
        """Take one RDB after another. Raises LifeboatError, also when slots have moved meanwhile."""
        taken_at = datetime.datetime.now(datetime.timezone.utc)
        nodes, product, by_hand = [], "redis", []
        for number, source in enumerate(look.sources):
            session.progress.phase("dump", f"taking the RDB of {source.server}")
            with source.server.connect(session.deadline) as connection:
                transfer = Transfer(connection, f"The Redis server {source.server}")
                transfer.ask()
                name = f"node-{number + 1}.rdb" if self._options["cluster"] else "dump.rdb"
                artifact = session.store(Part(name, RDB, transfer.pieces(), look.needed_bytes // len(look.sources)))
            product = "valkey" if "valkey-ver" in transfer.walk.facts else product
            nodes.append(self._node(artifact.name, source, transfer))
            by_hand += [f"{session.opened(artifact)} > {name}", f"redis-check-rdb {name}"]
        now = servers_of(self._server, self._options["cluster"], session.deadline)
        if now != {source.server: source.slots for source in look.sources}:
            raise SourceError(
                "The slots of the cluster have moved while it was backed up, so a key may be in none of the RDBs.",
                hint="Take the backup again when the cluster is at rest.",
            )
        if all(node.counted and not node.keys for node in nodes):
            self._warn(
                f"The Redis server {self._server} holds no key at all: make sure that it is the one you mean. A proof "
                "of this backup compares nothing."
            )
        by_hand.append("# stop the server, put the file in place of its dbfilename in its dir, and start it")
        return Saved(RedisContent(product, self._options["cluster"], tuple(nodes)), taken_at, by_hand=by_hand)

    def _node(self, artifact: str, source: Source, transfer: Transfer) -> Node:
        walk, used = transfer.walk, transfer.walk.facts.get("used-mem", "")
        if not transfer.checksum:
            self._warn(
                f"The Redis server {source.server} makes no checksums (rdbchecksum no): that its RDB came whole is "
                "known by its structure alone."
            )
        if not transfer.counted:
            self._warn(
                f"The RDB of {source.server} holds what this release does not know, so its keys were not counted."
            )
        return Node(
            artifact=artifact,
            address=str(source.server),
            slots=source.slots,
            version=walk.facts.get("valkey-ver") or walk.facts.get("redis-ver", ""),
            rdb_version=walk.version,
            checksum=f"{transfer.checksum:016x}" if transfer.checksum else "",
            counted=transfer.counted,
            databases=tuple(
                Database(number, found.keys if transfer.counted else -1, found.expires)
                for number, found in sorted(walk.databases.items())
            ),
            functions=walk.functions,
            used_memory_bytes=int(used) if used.isdigit() else 0,
            role=source.info.get("role", ""),
        )

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """What the RDBs hold."""
        content = from_plain(RedisContent, manifest.content, "the manifest's content")
        return {
            "product": content.product,
            "server_version": content.nodes[0].version,
            "cluster": content.cluster,
            "key_count": sum(node.keys for node in content.nodes)
            if all(node.counted for node in content.nodes)
            else -1,
            "expires": sum(database.expires for node in content.nodes for database in node.databases),
            "functions": max(node.functions for node in content.nodes),
            "nodes": [dataclasses.asdict(node) for node in content.nodes],
        }


def _info(connection: Connection) -> dict[str, str]:
    """What the server says of itself; nothing where this user may not ask (``+info``)."""
    try:
        text = connection.text("INFO").decode("utf-8", "replace")
    except ServerError as error:
        if error.code != "NOPERM":
            raise
        return {}
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and line[0] != "#")


def _version(info: t.Mapping[str, str]) -> str:
    return info.get("valkey_version") or info.get("redis_version", "")
