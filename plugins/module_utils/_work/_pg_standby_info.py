# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_standby_info``: where a server stands, how far behind it is, and whether there are two primaries."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import parse_moment
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._textfile import METRICS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    connection_from_options,
    parse_dsn,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import (
    Position,
    Published,
    format_lsn,
    measure,
    parse_lsn,
    shortfalls,
    split_brain,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._promote import promoted_epoch
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import (
    ServerState,
    read_fork,
    read_state,
    try_state,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work._telling import standby_measured

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    "primary": {"type": "str", "no_log": True},
    "primary_timeout": {"type": "str", "default": "5s"},
    "published": {
        "type": "dict",
        "options": {
            "lsn": {"type": "str", "required": True},
            "at": {"type": "str", "required": True},
            "counter": {"type": "int", "default": 0},
            "tried_at": {"type": "str"},
        },
    },
    **METRICS_SPEC,
}

_SILENT = datetime.timedelta(minutes=1)  # a writer that is alive tries more often


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    timeout = max(1, int(parse_duration("primary_timeout", options["primary_timeout"]).total_seconds()))
    published, why_not = read_published(options["published"])
    connection = connection_from_options(options)
    state = read_state(connection)
    primary, why = None, "primary was not named"
    if options["primary"]:
        primary, why = try_state(Connection(parse_dsn("primary", options["primary"])), timeout)
    result = described(connection, state, primary, why, published)
    if why_not and result["loss_seconds"] is None:
        result["because"] = why_not
    standby_measured(module, result)
    return {"changed": False, **result, "promoted_epoch": promoted_epoch(connection)}


def read_published(values: t.Mapping[str, t.Any] | None) -> tuple[Published | None, str]:
    """The option ``published``; None and why where its writer is silent itself, which says nothing of the primary.

    Raises OptionError.
    """
    if not values:
        return None, ""
    try:
        lsn = parse_lsn(values["lsn"])
    except ValueError:
        raise OptionError(
            f"published.lsn: {values['lsn']!r} is not a position in the log.", hint="Write it as 16/B374D848."
        ) from None
    published = Published(lsn, parse_moment("published.at", values["at"]), values["counter"])
    if values["tried_at"]:
        tried = parse_moment("published.tried_at", values["tried_at"])
        silent = datetime.datetime.now(datetime.timezone.utc) - tried
        if silent > _SILENT:
            return None, f"the writer of the heartbeat is silent itself, since {values['tried_at']}"
        if -silent > _SILENT:
            return None, f"the writer's clock is not ours: it says that it tried at {values['tried_at']}"
    return published, ""


def described(
    connection: Connection, state: ServerState, primary: ServerState | None, why: str, published: Published | None
) -> dict[str, t.Any]:
    """What is known of a server, as the modules return it."""
    position = state.position
    other = primary.position if primary else None
    # A standby that was named as the primary is none: it says nothing of what the primary has written.
    lag = measure(position, other if other and not other.in_recovery else None, published)
    both = split_brain(position, other)
    parted = read_fork(connection, position.timeline, both.timelines[1]) if both else None
    return {
        "server": connection.describe(),
        "role": "standby" if position.in_recovery else "primary",
        "word": "cascading" if other and other.in_recovery and position.in_recovery else lag.word,
        "because": lag.because,
        "loss_bytes": lag.loss_bytes,
        "loss_seconds": lag.loss_seconds,
        "loss_beats": lag.loss_beats,
        "replay_bytes": lag.replay_bytes,
        "position": _position(position),
        "version": state.version,
        "sender_host": state.sender_host,
        "senders": state.senders,
        "slots": state.slots,
        "durability": state.durability,
        "too_small": shortfalls(primary.no_smaller, state.no_smaller) if primary and position.in_recovery else [],
        "primary": {
            "reached": primary is not None,
            "why": why,
            "slots": primary.slots if primary else [],
            **(_position(other) if other else {}),
        },
        "split_brain": both is not None,
        "parted_at": format_lsn(parted),
        "measured_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _position(position: Position) -> dict[str, t.Any]:
    beat = position.heartbeat
    return {
        "in_recovery": position.in_recovery,
        "system_identifier": position.system_identifier,
        "timeline": position.timeline,
        "current_lsn": format_lsn(position.current),
        "received_lsn": format_lsn(position.received),
        "replayed_lsn": format_lsn(position.replayed),
        "heartbeat": {"counter": beat.counter, "at": beat.at.isoformat(), "epoch": beat.epoch} if beat else {},
    }
