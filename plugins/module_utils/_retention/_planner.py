# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Plans which backups of one component in one repository to delete, with a reason for each. Pure.

The clock of this host decides nothing but which backups are from the future. Ages are measured from the newest good
backup, so a wrong clock, or backups that have been failing for a month, never make more backups old.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._retention._policy import Policy, Rules

KEEP, DELETE, DEFER = "keep", "delete", "defer"
_TOLERANCE = datetime.timedelta(minutes=5)  # of two hosts' clocks
_PERIOD_FORMATS = {
    "hourly": "%Y-%m-%d %H:00",
    "daily": "%Y-%m-%d",
    "weekly": "%G-W%V",
    "monthly": "%Y-%m",
    "yearly": "%Y",
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One backup, as far as retention cares."""

    backup_id: str
    taken_at: datetime.datetime  # UTC
    failed: bool = False  # its newest proof failed
    proven: bool = False  # its newest proof passed
    label: str = ""
    held: str = ""  # why it is held; empty where it is not
    locked_until: datetime.datetime | None = None  # the store refuses to delete it before that
    stored_bytes: int = 0
    needs: str = ""  # the backup that this one builds on: without it, it cannot be restored


@dataclasses.dataclass(frozen=True)
class Decision:
    """What becomes of one backup, and every reason for it."""

    entry: Entry
    action: str  # keep, delete, defer
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """The decisions, newest backup first, and why the whole plan must not be carried out (empty where it may be)."""

    decisions: tuple[Decision, ...]
    refusal: str = ""

    def of(self, action: str) -> list[Entry]:
        """The backups that this is to happen to, newest first."""
        return [decision.entry for decision in self.decisions if decision.action == action]


def plan(entries: t.Iterable[Entry], policy: Policy, now: datetime.datetime) -> Plan:
    """Decide about each entry. n log n in their number; the order of ``entries`` does not matter."""
    ordered = sorted(entries, key=lambda entry: (entry.taken_at, entry.backup_id), reverse=True)
    future = {entry.backup_id for entry in ordered if entry.taken_at > now + _TOLERANCE}
    counted = [entry for entry in ordered if entry.backup_id not in future and not entry.held]
    good = [entry for entry in counted if not entry.failed]
    reasons: dict[str, list[str]] = {entry.backup_id: [] for entry in ordered}
    _protect(ordered, future, good, policy, reasons)
    if good:
        groups = {label: policy.group_of(label) if label else "" for label in {entry.label for entry in good}}
        for group in set(groups.values()):
            grouped = [entry for entry in good if groups[entry.label] == group]
            _apply(policy.rules_of(group) if group else policy.keep, grouped, good[0].taken_at, group, reasons)
    decisions = _with_bases(tuple(_decided(entry, reasons[entry.backup_id], good, policy, now) for entry in ordered))
    return Plan(decisions, _refusal(decisions, good, policy, now))


def _protect(
    ordered: list[Entry], future: set[str], good: list[Entry], policy: Policy, reasons: dict[str, list[str]]
) -> None:
    """What stays whatever the rules say."""
    for entry in ordered:
        if entry.backup_id in future:
            reasons[entry.backup_id].append("it is from the future: a clock was wrong")
        if entry.held:
            reasons[entry.backup_id].append(f"held: {entry.held}")
    for entry in good[:1]:
        reasons[entry.backup_id].append("the newest good one")
    for entry in [entry for entry in good if entry.proven][:1]:
        reasons[entry.backup_id].append("the newest proven one")
    for number, entry in enumerate(good[: policy.min_keep], start=1):
        reasons[entry.backup_id].append(f"min_keep {number} of {policy.min_keep}")


def _apply(
    rules: Rules | None, good: list[Entry], newest: datetime.datetime, label: str, reasons: dict[str, list[str]]
) -> None:
    """Add the reasons that these rules give. ``good`` is newest first; ``newest`` is the time of the newest of all."""
    name = f"label {label}: " if label else ""
    if rules is None:
        for entry in good:
            reasons[entry.backup_id].append(f"{name}the policy has no rule for this label")
        return
    for number, entry in enumerate(good[: rules.last], start=1):
        reasons[entry.backup_id].append(f"{name}last {number} of {rules.last}")
    for entry in good:
        if rules.within and entry.taken_at > newest - rules.within:
            reasons[entry.backup_id].append(f"{name}within {_words(rules.within)} of the newest good one")
    for period, count in rules.periods:
        seen: set[str] = set()
        for entry in good:
            key = entry.taken_at.astimezone(datetime.timezone.utc).strftime(_PERIOD_FORMATS[period])
            if key in seen:
                continue
            if len(seen) == count:
                break
            seen.add(key)
            reasons[entry.backup_id].append(f"{name}{period} {len(seen)} of {count} ({key})")


def _decided(entry: Entry, reasons: list[str], good: list[Entry], policy: Policy, now: datetime.datetime) -> Decision:
    if reasons:
        return Decision(entry, KEEP, tuple(reasons))
    why = "no rule keeps it"
    if entry.failed:
        if not good or entry.taken_at > good[0].taken_at:
            return Decision(entry, KEEP, ("its proof failed, and there is no newer good one",))
        if good[0].taken_at - entry.taken_at <= policy.failed_after:
            return Decision(
                entry, KEEP, (f"its proof failed less than {_words(policy.failed_after)} before the newest good one",)
            )
        why = f"its proof failed more than {_words(policy.failed_after)} before the newest good one"
    if entry.locked_until and entry.locked_until > now:
        return Decision(entry, DEFER, (f"{why}, and it is locked until {entry.locked_until:%Y-%m-%dT%H:%M:%SZ}",))
    return Decision(entry, DELETE, (why,))


def _with_bases(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """What a backup that stays builds on stays, too, with all that this builds on. Where one of them is not known, as
    its manifest cannot be read, nobody knows what that builds on: nothing older is deleted.
    """
    needs = {decision.entry.backup_id: decision.entry.needs for decision in decisions}
    needed: dict[str, str] = {}  # by whom
    for decision in decisions:
        at = decision.entry.backup_id if decision.action != DELETE else ""
        while at and (below := needs.get(at, "")) and below not in needed:
            needed[below] = at
            at = below
    unknown = max((below for below in needed if below not in needs), default="")  # an id begins with its time

    def kept(one: Decision) -> Decision:
        backup_id = one.entry.backup_id
        if one.action == KEEP:
            return one
        if backup_id in needed:
            return Decision(one.entry, KEEP, (f"{needed[backup_id]} builds on it",))
        if backup_id < unknown:
            return Decision(
                one.entry, KEEP, (f"{needed[unknown]} builds on {unknown}, of which nobody knows what it builds on",)
            )
        return one

    return tuple(map(kept, decisions))


def _refusal(decisions: tuple[Decision, ...], good: list[Entry], policy: Policy, now: datetime.datetime) -> str:
    deletes = sum(decision.action == DELETE for decision in decisions)
    if not deletes:
        return ""
    if not good or now - good[0].taken_at > policy.max_silence:
        newest = f"is of {good[0].taken_at:%Y-%m-%dT%H:%M:%SZ}" if good else "does not exist"
        return (
            f"the newest good backup {newest}, and max_silence is {_words(policy.max_silence)}: backups are failing, "
            "or this host's clock is wrong"
        )
    allowed = max(1, int(policy.max_fraction * len(decisions)))
    if deletes <= allowed:
        return ""
    return (
        f"{deletes} of {len(decisions)} backups would be deleted, and max_fraction {policy.max_fraction:g} allows "
        f"{allowed} in one run"
    )


def digest(plans: t.Mapping[str, Plan]) -> str:
    """What a person approves: a hash of everything that would be deleted. The keys name repository, app and component.

    It depends neither on the order of anything nor on the locale.
    """
    lines = sorted(f"{place} {entry.backup_id}" for place, one in plans.items() for entry in one.of(DELETE))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _words(span: datetime.timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours % 24 == 0 else f"{hours:g} hours"
