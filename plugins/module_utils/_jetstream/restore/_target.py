# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The account that streams are restored into, as it is before: what stands in the way, what is not allowed, who depends
on whom.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client import _rights
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _restore_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._consumers import delivered_above_floor
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._selection import origins
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._republish import refusal

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import AccountInfo, StreamInfo
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import Plan, Version


def look(connection: Connection, plans: t.Sequence[Plan], consumers: str, deadline: Deadline) -> Target:
    """Ask the server, also whether these streams may be restored, and the consumers made that are missing.

    Raises LifeboatError.
    """
    to_make = {plan.name: plan.stream.missing_consumers if consumers != "ignore" else () for plan in plans}
    with connection.open(deadline) as session:
        infos = {info.name: info for info in session.streams()}
        _rights.check_restore(session, to_make)
        cluster = (
            session.cluster or session.is_elsewhere
        )  # whether it is one is not told there; the server says so when it is none
        return Target(session.server_version, session.server_version_text, cluster, infos, session.account())


class Target:
    """What is known of the account. Pure from here on."""

    def __init__(
        self,
        version: Version,
        version_text: str,
        cluster: bool,
        infos: t.Mapping[str, StreamInfo],
        account: AccountInfo | None,
    ) -> None:
        self.version = version
        self.version_text = version_text
        self._cluster = cluster
        self._infos = infos
        self._account = account

    def exists(self, name: str) -> bool:
        """Whether there is a stream of this name."""
        return name in self._infos

    def described(self, name: str) -> str:
        """The stream in a few words, for a diff."""
        info = self._infos.get(name)
        if info is None:
            return "none"
        return _restore_plan.mark_of(info.config) or f"{info.state.get('messages', 0)} messages"

    def changes(self, plan: Plan, mark: str, limits: str) -> bool:
        """Whether restoring this stream would change something."""
        info = self._infos.get(plan.name)
        if (
            info is None
            or not _restore_plan.is_there(plan, info.config, info.state, mark)
            or _restore_plan.mark_of(info.config, _restore_plan.UNFINISHED)
        ):
            return True
        return limits == "apply" and bool(_restore_plan.put_back(info.config))

    def dependants(self, name: str) -> list[str]:
        """The streams that mirror or source this one."""
        return sorted(other for other, info in self._infos.items() if name in origins(info.config))

    def sorted_out(
        self, plans: t.Sequence[Plan], mark: str, republish: t.Collection[str]
    ) -> tuple[list[Plan], dict[str, str]]:
        """The plans of what can be restored, and why the others cannot: the server does not take their archives.

        What ``republish`` names is published again. Raises OptionError for a name that is not there, and where nothing
        could be restored.
        """
        for name in republish:
            if name not in {plan.stream.name for plan in plans}:
                raise OptionError(f"republish: {name} is not among the streams to restore.")
        able, unable = [], {}
        for plan in plans:
            taken = not _restore_plan.unreadable(plan, self.version)
            taken = taken and not (plan.convert and self.version < _restore_plan.V2_SINCE)
            if taken or not self._to_restore(plan, mark):
                able.append(plan)
            elif plan.stream.name in republish:
                able.append(dataclasses.replace(plan, republish=True))
            elif why := _restore_plan.unreadable(plan, self.version):
                unable[plan.stream.name] = f"{why}; say republish: [{plan.stream.name}] to publish its messages again"
            else:
                able.append(plan)
        if unable and not able:
            raise OptionError(
                f"{self._count(plans)} cannot be restored like this. "
                f"{'. '.join(f'{name}: {why}' for name, why in unable.items())}.",
                hint="Nothing has been done.",
            )
        return able, unable

    def refuse(self, plans: t.Sequence[Plan], mark: str, options: t.Mapping[str, t.Any]) -> None:
        """Raise OptionError with everything that stands in the way, so that one reading is enough.

        Nothing has been touched then.
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        todo = [plan for plan in plans if self._to_restore(plan, mark)]
        reasons = [f"{plan.stream.name}: {reason}" for plan in todo for reason in self._reasons(plan, options, now)]
        reasons += self._limits(todo)
        for name in options["replace"]:
            if name not in {plan.name for plan in plans}:
                reasons.append(f"replace: {name} is not among the streams to restore")
        if reasons:
            raise OptionError(
                f"{self._count(todo)} cannot be restored like this. {'. '.join(reasons)}.",
                hint="Nothing has been done.",
                details={"reasons": reasons},
            )

    def warnings(self, plans: t.Sequence[Plan], mark: str, options: t.Mapping[str, t.Any]) -> list[str]:
        """What a person should know, and what keeps nobody from restoring."""
        found = []
        for plan in plans:
            if not self._to_restore(plan, mark):
                continue
            if plan.lifted:
                limits = ", ".join(f"{limit} ({value})" for limit, value in plan.lifted.items())
                found.append(
                    f"{plan.name} is restored without its {limits}, to keep all messages. Put back with limits: apply."
                )
            if plan.name != plan.stream.name and plan.stream.kind != "stream":
                found.append(
                    f"{plan.name} is not a bucket that clients find under this name: its subjects are those of "
                    f"{plan.stream.bucket}."
                )
            again = self._delivered_again(plan) if options["consumers"] != "ignore" else ""
            if again:
                found.append(again)
            ahead = self._ahead(plan)
            if ahead and options["dependants"] == "warn":
                found.append(f"{plan.name}: {_ahead_words(ahead)}")
        return found

    def _delivered_again(self, plan: Plan) -> str:
        """Clusters from 2.15 restore a consumer at its acknowledgement floor, single servers and older ones where it
        stood (2.15.1). Empty where nothing comes twice.
        """
        clustered = self._cluster and int(plan.wanted.get("num_replicas") or 1) > 1
        if self.version < _restore_plan.V2_SINCE or not clustered:
            return ""
        counts = {one.name: delivered_above_floor(one) for one in plan.stream.consumers if one.durable}
        above = [f"{name} ({count})" for name, count in counts.items() if count]
        if not above:
            return ""
        return (
            f"{plan.name}: this cluster restores consumers where all messages before were acknowledged, so these get "
            f"messages again that they have had, at most so many: {', '.join(above)}."
        )

    def _to_restore(self, plan: Plan, mark: str) -> bool:
        info = self._infos.get(plan.name)
        return info is None or not _restore_plan.is_there(plan, info.config, info.state, mark)

    def _count(self, plans: t.Sequence[Plan]) -> str:
        return f"The stream {plans[0].stream.name}" if len(plans) == 1 else "The streams"

    def _reasons(self, plan: Plan, options: t.Mapping[str, t.Any], now: datetime.datetime) -> t.Iterator[str]:
        config = options["config"] or {}
        overrides = {**(config.get("*") or {}), **(config.get(plan.stream.name) or {})}
        yield from _restore_plan.refusals(plan, overrides, options["limits"], self.version, now, cluster=self._cluster)
        if plan.republish:
            yield from filter(None, [refusal(plan)])
        info = self._infos.get(plan.name)
        if (
            info is not None
            and not _restore_plan.mark_of(info.config, _restore_plan.BEGUN)
            and plan.name not in options["replace"]
        ):
            words = _restore_plan.mark_of(info.config)
            holds = f"holds {info.state.get('messages', 0)} messages"
            what = f"says that it was restored from {words}, and {holds}" if words else holds
            yield (
                f"a stream {plan.name} exists, and {what}; say that it may be deleted with replace: [{plan.name}], "
                "or restore under another name with rename"
            )
        if options["consumers"] == "require" and plan.stream.missing_consumers:
            yield (
                f"its archive lacks the consumers {', '.join(plan.stream.missing_consumers)}; say consumers: rebuild "
                "to make them again"
            )
        if options["dependants"] == "refuse":
            ahead = self._ahead(plan)
            if ahead:
                yield f"{_ahead_words(ahead)}; say dependants: warn to restore it all the same"

    def _ahead(self, plan: Plan) -> list[str]:
        """The streams that follow this one and may be ahead of the backup. A mirror has the sequences of its origin."""
        ahead = []
        for name in self.dependants(plan.name):
            info = self._infos[name]
            mirror = (info.config.get("mirror") or {}).get("name") == plan.name
            if not mirror or int(info.state.get("last_seq") or 0) > plan.stream.last_sequence:
                ahead.append(name)
        return ahead

    def _limits(self, plans: t.Sequence[Plan]) -> list[str]:
        """What the account does not allow. A limit below zero is none."""
        if self._account is None:
            return []
        found = []
        for storage, used, most in (
            ("file", self._account.storage, self._account.max_storage),
            ("memory", self._account.memory, self._account.max_memory),
        ):
            needed = sum(
                plan.stream.bytes * int(plan.wanted.get("num_replicas") or 1)
                for plan in plans
                if plan.wanted.get("storage", "file") == storage
            )
            freed = sum(self._used(plan, storage) for plan in plans)
            if most >= 0 and needed and used - freed + needed > most:
                found.append(
                    f"the account may keep {most} bytes in {storage} storage, has {used}, and the backup needs "
                    f"{needed} more"
                )
        new = sum(plan.name not in self._infos for plan in plans)
        most_streams = self._account.max_streams
        if most_streams >= 0 and new and self._account.streams + new > most_streams:
            found.append(
                f"the account may have {most_streams} streams, has {self._account.streams}, and {new} more are to be "
                "restored"
            )
        return found

    def _used(self, plan: Plan, storage: str) -> int:
        info = self._infos.get(plan.name)
        if info is None or info.config.get("storage", "file") != storage:
            return 0
        return int(info.state.get("bytes") or 0) * int(info.config.get("num_replicas") or 1)


def _ahead_words(names: t.Sequence[str]) -> str:
    return (
        f"the stream{'s' if len(names) > 1 else ''} {', '.join(names)} on this server "
        f"mirror{'' if len(names) > 1 else 's'} or "
        f"source{'' if len(names) > 1 else 's'} it, and may be ahead of the backup: what comes next would silently "
        "not reach them, or twice"
    )
