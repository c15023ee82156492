# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``redis_standby``: makes a replica, promotes one, and fences a primary."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration, seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work._redis_standby_info import (
    PRIMARY_SPEC,
    described,
    look_at_primary,
    read_published,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._standby import Position

_LOOKS = 10  # at bytes that are on their way, before they count as lost
_PAUSE_SECONDS = 0.1
_OF_PRIMARY = ("reach", "max_loss", "accept_loss", "unfenced_primary", "epoch", "run_id")
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    **PRIMARY_SPEC,
    "state": {"type": "str", "choices": ["replica", "primary", "fenced", "unfenced"], "required": True},
    "replace": {"type": "bool", "default": False},
    "reach": {"type": "int"},
    "max_loss": {"type": "str"},
    "accept_loss": {"type": "str"},
    "unfenced_primary": {"type": "str"},
    "epoch": {"type": "int"},
    "run_id": {"type": "str"},
    "min_replicas": {"type": "int"},
    "time_limit": {"type": "str", "default": "5m"},
}
REQUIRED_IF: list[tuple[str, str, list[str]]] = [("state", "replica", ["primary_host"])]


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import server_from_options

    options = module.params
    foreign = [name for name in _OF_PRIMARY if options[name] is not None]
    if options["state"] != "primary" and foreign:
        raise OptionError(
            f"{', '.join(foreign)} does not belong to state: {options['state']}.",
            hint="It belongs to state: primary. Nothing was done.",
        )
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    server = server_from_options(options)
    with server.connect(deadline) as connection:
        return _Change(module, connection, str(server), deadline).run()


class _Change:
    """One server, and what shall become of it."""

    def __init__(self, module: AnsibleModule, connection: Connection, name: str, deadline: Deadline) -> None:
        self._module = module
        self._options = module.params
        self._connection = connection
        self._name = name
        self._deadline = deadline

    def run(self) -> dict[str, t.Any]:
        """Look, refuse, change."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._replication import read_position

        position = read_position(self._connection, self._options["heartbeat_key"])
        if position.cluster:
            raise LifeboatError(
                f"{self._name} is a node of a cluster, which decides itself who is a primary. Nothing was changed.",
                hint="Use CLUSTER FAILOVER on the replica, or restore a backup in the other region (redis_restore).",
            )
        state = self._options["state"]
        if state == "primary":
            return self._primary(position)
        if state == "replica":
            return self._replica(position)
        return self._fence(position) if state == "fenced" else self._unfence()

    # --- primary ---

    def _primary(self, position: Position) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _replication

        run_id, epoch = self._options["run_id"] or "by hand", self._options["epoch"] or 0
        if position.is_primary:
            if not self._module.check_mode:
                _replication.prove_writes(self._connection, run_id, epoch)
            return self._result(False, "primary", "primary", lost={}, persist=True)
        lost = self._refuse_promotion(position)
        if self._module.check_mode:
            return self._result(True, "replica", "primary", lost=lost)
        with left_when_stopped("The server may have been promoted: look at ROLE."):
            self._wait_for_reach(position)
            _replication.promote(self._connection, self._deadline)
            _replication.prove_writes(self._connection, run_id, epoch)
        return self._result(True, "replica", "primary", lost=lost, persist=True)

    def _refuse_promotion(self, position: Position) -> dict[str, t.Any]:
        """What a promotion would lose. Raises LifeboatError when it is not right."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._replication import read_position

        options = self._options
        if position.syncing or (position.never_synced and not options["accept_loss"]):
            raise LifeboatError(
                f"{self._name} has not the whole data set of {position.primary_host}:{position.primary_port}: its "
                "first copy has not ended. Nothing was changed.",
                hint="Wait if the primary is alive, else restore a backup (redis_restore). A replica that was only "
                "restarted holds what it had before: then give the reason in accept_loss.",
            )
        server = self._server()
        primary, why = look_at_primary(options, server)
        if primary and primary.is_primary and not options["unfenced_primary"] and not self._is_fenced():
            raise LifeboatError(
                f"The primary {options['primary_host']}:{options['primary_port']} is alive and takes writes: after "
                "a promotion there would be two primaries. Nothing was changed.",
                hint="Fence it first (state: fenced). Or give the reason in unfenced_primary.",
            )
        published = read_published(options["published"])
        found = described(server, position, primary, why, published)
        for _attempt in range(_LOOKS):
            # Primaries ping their replicas every few seconds, and that counts as bytes which are still on their way.
            if options["reach"] is not None or not found["loss_bytes"] or found["loss_seconds"] is not None:
                break
            time.sleep(self._deadline.remaining(_PAUSE_SECONDS))
            position = read_position(self._connection, options["heartbeat_key"])
            found = described(server, position, primary, why, published)
        lost = {name: found[name] for name in ("loss_bytes", "loss_seconds", "because", "word")}
        if options["reach"] is None and not options["accept_loss"]:
            self._refuse_loss(lost)
        return lost

    def _refuse_loss(self, lost: t.Mapping[str, t.Any]) -> None:
        limit = seconds_or_zero("max_loss", self._options["max_loss"])
        seconds = lost["loss_seconds"]
        if seconds is not None and seconds <= limit:
            return
        words = (
            f"Nobody knows what its promotion would lose ({lost['because']})"
            if seconds is None
            else f"Its promotion would lose {seconds:g} s, and {limit:g} s may be lost"
        )
        raise LifeboatError(
            f"{self._name}: {words}. Nothing was changed.",
            hint="If that is right all the same, give the reason in accept_loss; it is part of the result.",
            details=dict(lost),
        )

    def _is_fenced(self) -> bool:
        """Whether the primary refuses a write that is tried now."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._replication import refuses_writes

        options = self._options
        seconds = max(1.0, parse_duration("primary_timeout", options["primary_timeout"]).total_seconds())
        server = self._server().at(options["primary_host"], options["primary_port"])
        try:
            with server.connect(Deadline(seconds)) as connection:
                return refuses_writes(connection)
        except LifeboatError:
            return False

    def _wait_for_reach(self, position: Position) -> None:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._replication import read_position

        reach = self._options["reach"]
        while reach is not None and position.offset < reach:
            self._deadline.check(
                f"Waiting until the replica has everything up to {reach} (it has {position.offset}), with nothing "
                "promoted,"
            )
            time.sleep(self._deadline.remaining(0.1))
            position = read_position(self._connection, self._options["heartbeat_key"])

    # --- the others ---

    def _replica(self, position: Position) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _replication

        host, port = self._options["primary_host"], self._options["primary_port"]
        wanted = f"replica of {host}:{port}"
        before = "primary" if position.is_primary else f"replica of {position.primary_host}:{position.primary_port}"
        if before == wanted:
            return self._result(False, before, wanted, given_up={})
        given_up = self._given_up(position) if position.is_primary else {}
        if before == "primary" and not self._options["replace"] and self._keys():
            raise LifeboatError(
                f"{self._name} is a primary with {self._keys()} keys, which a replica throws away. "
                "Nothing was changed.",
                hint="Back it up (redis_backup), and set replace: true.",
            )
        if not self._module.check_mode:
            with left_when_stopped("The server was asked to follow the primary: look at ROLE."):
                _replication.follow(self._connection, host, port, self._deadline)
                _replication.unfence(self._connection, self._wanted(_replication.min_replicas(self._connection)))
        return self._result(True, before, wanted, persist=True, given_up=given_up)

    def _given_up(self, position: Position) -> dict[str, t.Any]:
        """What is thrown away when this primary becomes a replica."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _replication, _standby

        serving, why = look_at_primary(self._options, self._server())
        more, because = _standby.only_here(position, serving if serving and serving.is_primary else None)
        fenced = _replication.is_fence(_replication.min_replicas(self._connection))
        return {
            "key_count": self._keys(),
            "only_here_bytes": more,
            "because": why or because,
            "refuses_writes": fenced,
        }

    def _fence(self, position: Position) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _replication

        if not position.is_primary:
            return self._result(False, "replica", "replica", reach=position.offset)
        now = _replication.min_replicas(self._connection)
        changed, before = not _replication.is_fence(now), str(_replication.before_fence(now))
        if not self._module.check_mode:
            _replication.fence(self._connection)
        reach = _replication.read_position(self._connection).offset
        words = "takes writes" if changed else "refuses writes"
        return self._result(changed, words, "refuses writes", persist=changed, reach=reach, min_replicas_before=before)

    def _unfence(self) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _replication

        before = _replication.min_replicas(self._connection)
        wanted = self._wanted(before)
        changed = before != wanted
        if not self._module.check_mode:
            _replication.unfence(self._connection, wanted)
        words = "refuses writes" if _replication.is_fence(before) else "takes writes"
        return self._result(changed, words, "takes writes", persist=changed)

    def _wanted(self, now: int) -> int:
        """How many replicas a primary shall have to take writes: as asked for, or as before it was fenced."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._replication import before_fence

        asked = self._options["min_replicas"]
        return before_fence(now) if asked is None else int(asked)

    # --- inside ---

    def _server(self) -> t.Any:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import server_from_options

        return server_from_options(self._options)

    def _keys(self) -> int:
        return int(self._connection.call("DBSIZE"))

    def _result(
        self, changed: bool, before: str, after: str, *, persist: bool = False, **more: t.Any
    ) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _replication

        result = {
            "changed": changed,
            "server": self._name,
            "role_before": before,
            "role": after,
            "accept_loss": self._options["accept_loss"] or "",
            "unfenced_primary": self._options["unfenced_primary"] or "",
            **more,
            "diff": {"before": f"{self._name}: {before}\n", "after": f"{self._name}: {after}\n"},
        }
        if persist and not self._module.check_mode:
            result["persisted"], why = _replication.persist(self._connection)
            if why:
                self._module.warn(
                    f"{self._name} has not written the change into its configuration ({why}). A restart would undo it: "
                    "change the file that it is started with."
                )
        return result
