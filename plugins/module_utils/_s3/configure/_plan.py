# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One plan for both buckets: the same steps are shown as a difference and are taken. Pure.

A plan of what has been applied is empty: that is the promise of ``changed: false``, and a property that is tested.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _object_lock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import Profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import Setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _lifecycle, _preflight, _rules

SIDES = ("source", "destination")
Options = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Step:
    """One write request. ``setup`` is what that part of the bucket should be afterwards."""

    side: str
    what: str  # versioning | object_lock | lifecycle | replication
    setup: Setup


@dataclasses.dataclass(frozen=True)
class Plan:
    """What there is, what there will be, and the steps between, in the order in which they are taken."""

    before: dict[str, Setup]
    after: dict[str, Setup]
    steps: list[Step]
    ignored: list[str]


def wanted_rules(options: Options, *, backwards: bool = False) -> list[_rules.Rule]:
    """The normal form of the option ``rules``; ``backwards`` gives those of the way back, when it is to be
    bidirectional.
    """
    target = options["source"] if backwards else options["destination"]
    rules = [_rules.from_option(rule, target) for rule in options.get("rules") or []]
    if backwards:
        rules = [{**rule, "storage_class": target.get("storage_class") or ""} for rule in rules]
    if options.get("bidirectional"):
        # without it, changes of metadata on a replica would not go back (S3 user guide, "Replicating metadata changes")
        rules = [{**rule, "replica_modifications": True} for rule in rules]
    return rules


def make_plan(
    options: Options, profile: Profile, source: Setup, destination: Setup, *, resumed: t.Collection[str] = ()
) -> Plan:
    """The plan for ``state`` present, absent or paused. Raises OptionError on what cannot be planned.

    ``resumed`` are the ids of rules that were paused before, which present starts again.
    """
    before = {"source": source, "destination": destination}
    after = dict(before)
    if options["state"] == "present":
        for side in SIDES:
            after[side] = _basics(side, after[side], options)
    after["source"], ignored = _replication(options, profile, after["source"], backwards=False, resumed=resumed)
    if options.get("bidirectional"):
        after["destination"], more = _replication(
            options, profile, after["destination"], backwards=True, resumed=resumed
        )
        ignored += [entry for entry in more if entry not in ignored]
    return Plan(before, after, _steps(before, after), ignored)


def stopped(plan: Plan) -> list[str]:
    """The ids of the rules that were enabled and are not any more, of both buckets."""
    return _turned(plan, "Enabled")


def started(plan: Plan) -> list[str]:
    """The ids of the rules that were disabled and are not any more."""
    return _turned(plan, "Disabled")


def _turned(plan: Plan, before: str) -> list[str]:
    found = []
    for side in SIDES:
        was = {rule.get("ID", ""): rule.get("Status") for rule in plan.before[side].rules}
        now = {rule.get("ID", ""): rule.get("Status") for rule in plan.after[side].rules}
        found += [rule for rule, status in was.items() if status == before and now.get(rule, status) != status]
    return found


def _basics(side: str, have: Setup, options: Options) -> Setup:
    """Versioning, lifecycle and lock."""
    setup = have
    if options["manage_versioning"]:
        setup = dataclasses.replace(setup, versioning="Enabled")
    if _preflight.applies(options, side):
        lifecycle = options["lifecycle"]
        want = [_lifecycle.from_option(rule) for rule in lifecycle["rules"]]
        rules = _lifecycle.merge(setup.lifecycle, want, purge=lifecycle["purge_rules"])
        setup = dataclasses.replace(setup, lifecycle=tuple(rules))
    if options.get("object_lock") and side == "destination":
        lock = _object_lock.from_option(options["object_lock"])
        _object_lock.check_not_lowered(setup.lock, lock, options[side]["bucket"])
        setup = dataclasses.replace(setup, lock=lock)
    return setup


def _replication(
    options: Options, profile: Profile, have: Setup, *, backwards: bool, resumed: t.Collection[str]
) -> tuple[Setup, list[str]]:
    rules = [_rules.normalise(rule) for rule in have.rules]
    wire = {rule["id"]: original for rule, original in zip(rules, have.rules)}
    ignored: list[str] = []
    again: list[str] = []
    if options["state"] == "present":
        want = wanted_rules(options, backwards=backwards)
        named = {rule["id"] for rule in want}
        again = [rule["id"] for rule in rules if rule["id"] in resumed and rule["id"] not in named]
        started = [{**rule, "enabled": True} if rule["id"] in again else rule for rule in rules]
        merged = _rules.merge(started, want, purge=options["purge_rules"], drops=profile.drops)
        ignored = _ignored(want, profile)
        _preflight.check_priorities(merged)
    else:
        target = options["source" if backwards else "destination"]["bucket"]
        mine = [rule for rule in rules if _owned(rule, options, target)]
        paused = [{**rule, "enabled": False} if rule in mine else rule for rule in rules]
        merged = [rule for rule in rules if rule not in mine] if options["state"] == "absent" else paused
    kept = {rule["id"]: rule for rule in rules}
    new = []
    for rule in merged:
        original = wire.get(rule["id"])
        if original is not None and kept[rule["id"]] == rule and not (_rules.is_old(original) and len(merged) > 1):
            new.append(original)
        elif original is not None and options["state"] == "paused":
            new.append({**original, "Status": "Disabled"})
        elif original is not None and rule["id"] in again:
            new.append({**original, "Status": "Enabled"})
        else:
            new.append(_rules.to_wire(rule, profile.drops, _partition(options)))
    role = options.get("reverse_role_arn" if backwards else "role_arn") or options.get("role_arn")
    if "role" in profile.drops or options["state"] != "present" or not role:
        role = have.role
    return dataclasses.replace(have, rules=tuple(new), role=role if new else ""), ignored


def _owned(rule: _rules.Rule, options: Options, target: str) -> bool:
    """The rules that ``rules`` names, or every rule to the other bucket when it names none."""
    ids = {entry["id"] for entry in options.get("rules") or []}
    return rule["id"] in ids if ids else rule["bucket"] == target


def _ignored(want: t.Sequence[_rules.Rule], profile: Profile) -> list[str]:
    return [
        f"rules[{rule['id']}].{field}: {json.dumps(rule[field])}"
        for rule in want
        for field in sorted(profile.drops)
        if field in rule and rule[field] != profile.effective.get(field, _rules.DEFAULTS[field])
    ]


def _partition(options: Options) -> str:
    parts = (options.get("role_arn") or "").split(":")
    return parts[1] if len(parts) > 1 else "aws"


def _steps(before: t.Mapping[str, Setup], after: t.Mapping[str, Setup]) -> list[Step]:
    """The destination is ready before the first rule points at it."""
    steps = []
    for what in ("versioning", "object_lock", "lifecycle", "replication"):
        for side in reversed(SIDES):
            if part(before[side], what) != part(after[side], what):
                steps.append(Step(side, what, after[side]))
    return steps


def part(setup: Setup, what: str) -> t.Any:
    """One part of a bucket's setup, in the form in which it is compared and shown."""
    if what == "versioning":
        return setup.versioning or "never enabled"
    if what == "object_lock":
        return setup.lock.described()
    if what == "lifecycle":
        return [_lifecycle.described(_lifecycle.normalise(rule)) for rule in setup.lifecycle]
    rules = [_rules.described(_rules.normalise(rule)) for rule in setup.rules]
    return {"role": setup.role, "rules": rules} if rules else {}


def described(setups: t.Mapping[str, Setup], options: Options) -> dict[str, t.Any]:
    """Both buckets, for the result and for the difference."""
    parts = ("versioning", "replication", "lifecycle", "object_lock")
    return {
        side: {"bucket": options[side]["bucket"], **{what: part(setups[side], what) for what in parts}}
        for side in SIDES
    }


def as_text(value: t.Any, indent: str = "") -> str:
    """Lines as YAML has them, made without a library that the host may lack."""
    if isinstance(value, dict) and value:
        return "".join(f"{indent}{key}:{_below(item, indent)}" for key, item in value.items())
    return "".join(f"{indent}-{_below(item, indent)}" for item in value)


def _below(value: t.Any, indent: str) -> str:
    if isinstance(value, (dict, list)) and value:
        return f"\n{as_text(value, indent + '  ')}"
    return f" {json.dumps(value, ensure_ascii=False)}\n"
