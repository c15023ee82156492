# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How one stream is restored: under which name, with which configuration, and what would go wrong silently. Pure.

Where the traps are from: servers 2.10.25 to 2.15.1, tried one by one. A server applies the stream's limits while it
restores, so what they would evict is lost; an archive of version 1 knows its stream's name, and restored into memory it
gives nothing at all, without an error.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream

Version = tuple[int, int, int]
V2_SINCE: Version = (2, 15, 0)
METADATA_SINCE: Version = (2, 10, 0)
_FIRST_SEQUENCE_RESTORED_SINCE: Version = (2, 12, 0)  # 2.10.25 restores a stream with first_seq empty
MARK = "lifeboat.dr/backup"
"""The key of a restored stream's metadata that names its backup, so that a second run changes nothing."""
BEGUN = "lifeboat.dr/restoring"
"""The same while the restore is at work: servers from 2.15 keep what a restore that was killed has sent, as if it were
the stream.
"""
LIFTED = "lifeboat.dr/lifted"
"""The same for the limits that a restore has left out, as JSON, so that a later run can put them back."""
UNFINISHED = "lifeboat.dr/unfinished"
"""The same while consumers of a restored stream are still to be made."""
_OURS = (MARK, BEGUN, LIFTED, UNFINISHED)

_CLOCKS_APART = datetime.timedelta(minutes=15)  # by how much a server may find messages older than we do
_NO_LIMIT = {"max_age": 0, "max_msgs": -1, "max_bytes": -1, "max_msgs_per_subject": -1}
# What a server that does not know a key does with it: leave it out silently up to 2.11, refuse it from 2.12.
_KNOWN_SINCE: dict[str, Version] = {
    "subject_transform": (2, 10, 0),
    "first_seq": (2, 10, 0),
    "consumer_limits": (2, 10, 0),
    "allow_msg_ttl": (2, 11, 0),
    "subject_delete_marker_ttl": (2, 11, 0),
    "allow_msg_counter": (2, 12, 0),
    "allow_atomic": (2, 12, 0),
    "allow_msg_schedules": (2, 12, 0),
    "persist_mode": (2, 12, 0),
    "allow_batched": (2, 14, 0),
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to become of one stream of a backup."""

    stream: Stream
    name: str
    wanted: dict[str, t.Any]  # the configuration, the overrides laid over it
    lifted: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # limits that are left out, and their values
    scale_up: bool = False  # restored with one replica, and given the others afterwards
    republish: bool = False  # the server cannot take its archive: its messages are published again
    outlives: bool = False  # messages older than max_age have a time to live of their own, which the server counts

    @property
    def convert(self) -> bool:
        """Whether the archive has to be written anew: what version 1 does not allow, version 2 does."""
        return self.stream.format == "v1" and (self.name != self.stream.name or self.wanted.get("storage") == "memory")

    def request_config(self, mark: str, version: Version) -> dict[str, t.Any]:
        """What the restore is asked with.

        A sealed stream is sealed afterwards: nothing of it could be changed later.
        """
        config = {**self.wanted, **{limit: _NO_LIMIT[limit] for limit in self.lifted}}
        if config.get("sealed"):
            config["sealed"] = False
        if self.scale_up:
            config["num_replicas"] = 1
        if self._first_sequence_later(version):
            config.pop("first_seq")
        if self.sources_later(version):
            config.pop("sources")
            config["subjects"] = self.wanted.get("subjects") or [f"lifeboat.restoring.{self.name}"]
        return _marked(config, BEGUN, mark) if version >= METADATA_SINCE else config

    def _first_sequence_later(self, version: Version) -> bool:
        """Whether ``first_seq`` is set after the restore. The messages have their sequences from the archive."""
        return bool(self.wanted.get("first_seq") and self.stream.messages and version < _FIRST_SEQUENCE_RESTORED_SINCE)

    def sources_later(self, version: Version) -> bool:
        """Whether ``sources`` are set after the restore, each behind the last message that was taken from it: servers
        of 2.15 begin them anew, so that every message comes twice (2.15.1).
        """
        return bool(self.wanted.get("sources") and self.stream.messages and version >= V2_SINCE)

    def final_config(
        self, restored: t.Mapping[str, t.Any], mark: str, version: Version, *, unfinished: bool = False
    ) -> dict[str, t.Any]:
        """What the restored stream's configuration has to become, from what it is now; ``finished`` comes after it if
        it is unfinished.
        """
        config = dict(restored)
        unfinished = unfinished and version >= METADATA_SINCE
        if self.wanted.get("sealed") and not unfinished:
            config["sealed"] = True
        if self.scale_up:
            config["num_replicas"] = self.wanted["num_replicas"]
        if self._first_sequence_later(version):
            config["first_seq"] = self.wanted["first_seq"]
        if self.sources_later(version):
            config["sources"] = self.wanted["sources"]
            config["subjects"] = self.wanted.get("subjects") or []
        if version < METADATA_SINCE:
            return config
        config = _marked(config, MARK, mark)
        if self.lifted:
            config["metadata"][LIFTED] = json.dumps(self.lifted)
        if unfinished:
            config["metadata"][UNFINISHED] = "consumers"
        return config

    def finished(self, config: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """The configuration of a restored stream whose consumers are there."""
        metadata = {key: value for key, value in (config.get("metadata") or {}).items() if key != UNFINISHED}
        return {**config, "metadata": metadata, "sealed": bool(self.wanted.get("sealed") or config.get("sealed"))}


def put_back(config: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The configuration of a restored stream with the limits that its restore has left out; empty if it has left out
    none.
    """
    try:
        lifted = dict(read_json(mark_of(config, LIFTED) or "{}"))
    except (ValueError, TypeError):
        return {}
    if not lifted:
        return {}
    return {
        **_marked(config, MARK, mark_of(config)),
        **{limit: value for limit, value in lifted.items() if limit in _NO_LIMIT},
    }


def make_plan(
    stream: Stream,
    *,
    name: str,
    overrides: t.Mapping[str, t.Any],
    limits: str,
    scale_up: bool,
    now: datetime.datetime,
) -> Plan:
    """The plan. An override of None takes a key away; ``limits`` is refuse, lift or apply."""
    wanted = {key: value for key, value in {**stream.config, **overrides}.items() if value is not None}
    wanted["name"] = name
    if wanted.get("mirror"):
        wanted.pop("duplicate_window", None)  # of old backups; a mirror may have none
    lifted = {limit: wanted[limit] for limit in evicting(stream, wanted, overrides, now)} if limits == "lift" else {}
    several = int(wanted.get("num_replicas") or 1) > 1
    return Plan(stream, name, wanted, lifted, scale_up and several)


def evicting(
    stream: Stream, wanted: t.Mapping[str, t.Any], overrides: t.Mapping[str, t.Any], now: datetime.datetime
) -> list[str]:
    """The limits that would make the server drop messages of the backup.

    A limit of number or size counts only where it was made tighter: under its own limits the stream has lived before.
    """
    found = []
    max_age = int(wanted.get("max_age") or 0)
    oldest = moment(str(stream.state.get("first_ts", "")))
    if max_age and stream.messages and oldest and now - oldest > datetime.timedelta(microseconds=max_age // 1000):
        found.append("max_age")
    holds = {"max_msgs": stream.messages, "max_bytes": max(stream.bytes, int(stream.state.get("bytes") or 0))}
    for limit in ("max_msgs", "max_bytes", "max_msgs_per_subject"):
        value = int(wanted.get(limit) or -1)
        if limit in overrides and value > 0 and holds.get(limit, stream.messages) > value:
            found.append(limit)
    return found


def unreadable(plan: Plan, version: Version) -> str:
    """Why a server of this version cannot take the archive of a stream; empty where it can."""
    text = ".".join(str(part) for part in version)
    if plan.stream.format != "v2" or version >= V2_SINCE:
        return ""
    return f"its archive is of version 2, which servers read from 2.15, and this one is {text}"


def refusals(
    plan: Plan,
    overrides: t.Mapping[str, t.Any],
    limits: str,
    version: Version,
    now: datetime.datetime,
    *,
    cluster: bool,
) -> list[str]:
    """Why this stream cannot be restored to a server of this version, or not without losing something.

    Empty when it can.
    """
    stream, wanted = plan.stream, plan.wanted
    text = ".".join(str(part) for part in version)
    found: list[str] = []
    if not plan.republish:
        found += filter(None, [unreadable(plan, version)])
    elif version < METADATA_SINCE:
        found.append(f"its messages can be published again on servers from 2.10, and this one is {text}")
    if plan.convert and version < V2_SINCE and not plan.republish:
        what = (
            f"renamed to {plan.name}" if plan.name != stream.name else "restored into memory: it would come back empty"
        )
        found.append(f"its archive is of version 1, so on servers before 2.15 (this one is {text}) it cannot be {what}")
    if limits == "refuse":
        limits_met = evicting(stream, wanted, overrides, now)
        found += [
            _eviction(stream, limit, wanted) for limit in limits_met if not (plan.outlives and limit == "max_age")
        ]
    if int(wanted.get("num_replicas") or 1) > 1 and not cluster:
        found.append(
            f"it has {wanted['num_replicas']} replicas, and this server is alone; set config: {{{stream.name}: "
            f"{{num_replicas: 1}}}}"
        )
    for key, since in _KNOWN_SINCE.items():
        if wanted.get(key) and version < since:
            words = ".".join(str(part) for part in since[:2])
            found.append(
                f"its configuration has {key}, which servers know from {words}, and this one is {text}; "
                f"set config: {{{stream.name}: {{{key}: null}}}} to do without"
            )
    return found


def _eviction(stream: Stream, limit: str, wanted: t.Mapping[str, t.Any]) -> str:
    if limit == "max_age":
        hours = int(wanted["max_age"]) / 3.6e12
        reason = f"its max_age is {hours:.4g} h, and its oldest message is of {stream.state.get('first_ts')}"
    else:
        reason = f"{limit} is {wanted[limit]}, and the backup holds more"
    return (
        f"{reason}: the server would drop messages; say limits: lift (keep them all) or limits: apply (let it drop "
        "them)"
    )


def _marked(config: t.Mapping[str, t.Any], key: str, mark: str) -> dict[str, t.Any]:
    metadata = {name: value for name, value in (config.get("metadata") or {}).items() if name not in _OURS}
    return {**config, "metadata": {**metadata, key: mark}}


def mark_of(config: t.Mapping[str, t.Any], key: str = MARK) -> str:
    """The backup that a stream was restored from; empty if none is known."""
    return str((config.get("metadata") or {}).get(key, ""))


def is_there(plan: Plan, config: t.Mapping[str, t.Any], state: t.Mapping[str, t.Any], mark: str) -> bool:
    """Whether this stream is what an earlier run has restored from this backup.

    Whoever makes a stream from an exported configuration copies the mark as well, and no message. A last sequence never
    goes back, also when messages are deleted, so it tells the two apart.
    """
    return mark_of(config) == mark and int(state.get("last_seq") or 0) >= plan.stream.messages


def moment(text: str) -> datetime.datetime | None:
    """A point in time as a server writes it, with up to nine digits behind the second; None where there is none."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", text)
    if not found or text.startswith("0001-"):
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    return datetime.datetime.fromisoformat(f"{found[1]}.{(found[2] or '0')[:6]:0<6}{zone}")


def explained(plan: Plan, restored: t.Mapping[str, t.Any]) -> str:
    """Which limit explains that fewer messages came back than the archive holds; empty when none does.

    An archive that was made while messages came and went holds more than the limits allow (seen on 2.14.6), and the
    server applies them. One that was made while nothing happened holds what the limits allow, unless time has passed,
    or a limit is another one now.
    """
    messages = int(restored.get("messages") or 0)
    config = {key: int(plan.wanted.get(key) or -1) for key in _NO_LIMIT if key not in plan.lifted}
    if _was_quiet(plan.stream):
        before = plan.stream.config
        now = datetime.datetime.now(datetime.timezone.utc) + _CLOCKS_APART
        untold = moment(str(plan.stream.state.get("first_ts", ""))) is None
        aged = untold or "max_age" in evicting(plan.stream, plan.wanted, {}, now)
        config = {
            limit: value
            for limit, value in config.items()
            if (aged if limit == "max_age" else value != int(before.get(limit) or -1))
        }
    if config.get("max_msgs", -1) == messages:
        return "max_msgs"
    for limit in ("max_msgs_per_subject", "max_age", "max_bytes"):
        if config.get(limit, -1) > 0:
            return limit
    return ""


def _was_quiet(stream: Stream) -> bool:
    """Whether nothing came or went while the stream was saved."""
    states = [stream.state_before, stream.state, stream.state_after]
    seen = {tuple(state.get(key) for key in ("messages", "first_seq", "last_seq")) for state in states}
    return len(seen) == 1 and stream.messages == stream.state.get("messages")
