# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_replication``: two buckets set up so that one is the replica of the other, and kept so."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import find_profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import Setup, read_setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_pair, same_server
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _apply, _plan, _preflight, _rules
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_left_behind import anything_lacks, first_page_lacks
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_memory import PairMemory
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_pair import PAIR_SPEC, exclusive

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import Profile
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_RULE = {
    "id": {"type": "str", "required": True},
    "priority": {"type": "int"},
    "prefix": {"type": "str", "default": ""},
    "tags": {"type": "dict", "default": {}},
    "enabled": {"type": "bool", "default": True},
    "delete_markers": {"type": "bool", "default": False},
    "replica_modifications": {"type": "bool", "default": False},
    "replication_time": {"type": "bool", "default": False},
    "metrics": {"type": "bool", "default": False},
    "replicate_kms": {"type": "bool", "default": False},
    "storage_class": {"type": "str"},
}
_TRANSITION = {"days": {"type": "int", "required": True}, "storage_class": {"type": "str", "required": True}}
_LIFECYCLE_RULE = {
    "id": {"type": "str", "required": True},
    "enabled": {"type": "bool", "default": True},
    "prefix": {"type": "str", "default": ""},
    "tags": {"type": "dict", "default": {}},
    "size_greater_than": {"type": "int"},
    "size_less_than": {"type": "int"},
    "transitions": {"type": "list", "elements": "dict", "default": [], "options": _TRANSITION},
    "noncurrent_transitions": {"type": "list", "elements": "dict", "default": [], "options": _TRANSITION},
    "expire_days": {"type": "int"},
    "expire_delete_markers": {"type": "bool", "default": False},
    "noncurrent_expire_days": {"type": "int"},
    "noncurrent_keep_versions": {"type": "int"},
    "abort_uploads_days": {"type": "int"},
}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": ["present", "absent", "paused"], "default": "present"},
    **PAIR_SPEC,
    "role_arn": {"type": "str"},
    "reverse_role_arn": {"type": "str"},
    "rules": {"type": "list", "elements": "dict", "options": _RULE},
    "purge_rules": {"type": "bool", "default": False},
    "bidirectional": {"type": "bool", "default": False},
    "manage_versioning": {"type": "bool", "default": True},
    "lifecycle": {
        "type": "dict",
        "options": {
            "rules": {"type": "list", "elements": "dict", "required": True, "options": _LIFECYCLE_RULE},
            "apply_to": {"type": "str", "choices": ["both", "source", "destination"], "default": "both"},
            "purge_rules": {"type": "bool", "default": False},
        },
    },
    "object_lock": {
        "type": "dict",
        "options": {
            "mode": {"type": "str", "choices": ["GOVERNANCE", "COMPLIANCE"], "required": True},
            "days": {"type": "int", "required": True},
        },
    },
    "public_access": {"type": "str", "choices": ["warn", "refuse", "ignore"], "default": "warn"},
}
REQUIRED_IF = [("state", "present", ("rules",))]


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = _with_priorities(module.params)
    source, destination = open_pair(options["source"], options["destination"])
    _preflight.check_options(options)
    configuration = _Configuration(module, options, source, destination)
    if module.check_mode:
        return configuration.run()
    with exclusive(options, source), left_when_stopped("Nothing was changed."):
        return configuration.run()


def _with_priorities(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A rule without a priority has its place in the list as one, from 1."""
    rules = params["rules"]
    if rules is None:
        return dict(params)
    filled = [
        {**rule, "priority": place if rule["priority"] is None else rule["priority"]}
        for place, rule in enumerate(rules, 1)
    ]
    return {**params, "rules": filled}


class _Configuration:
    """The states present, absent and paused."""

    def __init__(self, module: AnsibleModule, options: dict[str, t.Any], source: Side, destination: Side) -> None:
        self._module = module
        self._options = options
        self._sides = {"source": source, "destination": destination}
        self._memory = PairMemory(options, source, destination)

    def run(self) -> dict[str, t.Any]:
        """Look, refuse or plan, and take the plan's steps. In check mode, everything but the steps."""
        profile = self._profile()
        before = self._read()
        _preflight.check_setups(self._options, profile, before["source"], before["destination"])
        self._check_public(before)
        plan = _plan.make_plan(
            self._options, profile, before["source"], before["destination"], resumed=self._memory.paused
        )
        after, ignored = plan.after, plan.ignored
        if plan.steps and not self._module.check_mode:
            with left_when_stopped("What was set stays set. Run it again to set the rest."):
                _apply.apply(plan, self._sides)
                after = self._read()
            ignored = [
                *ignored,
                *(lost for lost in _apply.read_back(plan, after, profile.drops) if lost not in ignored),
            ]
        result = self._result(profile, plan, after, ignored)
        self._warn_of_disabled(result["disabled_rules"])
        if not self._module.check_mode:
            self._remember(plan, result["requires_resync"])
        return result

    def _profile(self) -> Profile:
        """Both sides are looked at, so that a wrong key on one side is found before the other side is changed."""
        options, sides = self._options, self._sides
        found = {role: find_profile(side, options["backend"]) for role, side in sides.items()}
        for role, side in sides.items():
            _preflight.check_region(role, side.settings.region, found[role].region)
        profile = found["source"].profile
        _preflight.check_server(options, profile, one_server=same_server(*sides.values()))
        if options["bidirectional"] and found["destination"].profile.name != profile.name:
            other = found["destination"].profile
            raise OptionError(
                f"bidirectional: source.bucket is on {profile.name}, destination.bucket on {other.name}.",
                hint="Set it to false.",
            )
        for warning in _preflight.warnings(options):
            self._module.warn(warning)
        return profile

    def _read(self) -> dict[str, Setup]:
        look = self._options["public_access"] != "ignore"
        return {role: read_setup(side, public_access=look) for role, side in self._sides.items()}

    def _check_public(self, setups: t.Mapping[str, Setup]) -> None:
        for role, side in self._sides.items():
            if setups[role].public_access != "public":
                continue
            if self._options["public_access"] == "refuse":
                raise OptionError(
                    f"public_access: refuse, and {role}.bucket: {side.bucket!r} can be read by everybody. Nothing was "
                    "changed.",
                    hint="Block public access to it (put-public-access-block), or set public_access to warn.",
                )
            self._module.warn(f"{side.name} is public: everybody can read it, or more. Block public access to it.")

    def _result(
        self, profile: Profile, plan: _plan.Plan, after: t.Mapping[str, Setup], ignored: list[str]
    ) -> dict[str, t.Any]:
        before_, after_ = _plan.described(plan.before, self._options), _plan.described(after, self._options)
        lock = after["destination"].lock
        return {
            "changed": before_ != after_,
            "state": self._options["state"],
            "backend": profile.name,
            "capabilities": profile.capabilities(),
            "config": {"before": before_, "after": after_},
            "ignored_by_backend": ignored,
            "requires_resync": self._requires_resync(plan, after),
            "resumed_rules": _plan.started(plan) if self._options["state"] == "present" else [],
            "disabled_rules": self._disabled(after) if self._options["state"] == "present" else [],
            "object_lock": lock.described(),
            "public_access": {role: setup.public_access for role, setup in after.items()},
            "diff": {"before": _plan.as_text(before_), "after": _plan.as_text(after_)},
        }

    def _requires_resync(self, plan: _plan.Plan, after: t.Mapping[str, Setup]) -> bool:
        """Rules see only what is written after them: what was there before, or came while they were paused, is for
        ``s3_recover``. It is so until that was done, and not only in the run that made the rule.
        """
        if self._options["state"] != "present":
            return bool(self._options["state"] == "paused")
        rules = [rule for rule in map(_rules.normalise, after["source"].rules) if rule["enabled"] and not rule["tags"]]
        bucket = self._sides["destination"].bucket
        prefixes = sorted({rule["prefix"] for rule in rules if rule["bucket"] == bucket})
        changed = _plan.part(plan.before["source"], "replication") != _plan.part(after["source"], "replication")
        known = changed or self._memory.left_behind
        lacks = anything_lacks if known else first_page_lacks
        try:
            return any(lacks(self._sides["source"], self._sides["destination"], prefix) for prefix in prefixes)
        except S3Error:  # a key that may configure, and not list
            return known

    def _disabled(self, after: t.Mapping[str, Setup]) -> list[str]:
        """The rules to the destination that are off, though nobody asked for that here."""
        named = {rule["id"] for rule in self._options["rules"] or []}
        bucket = self._sides["destination"].bucket
        rules = map(_rules.normalise, after["source"].rules)
        return [
            rule["id"] for rule in rules if rule["bucket"] == bucket and not rule["enabled"] and rule["id"] not in named
        ]

    def _warn_of_disabled(self, rules: t.Sequence[str]) -> None:
        if rules:
            self._module.warn(
                f"{', '.join(map(repr, rules))} of {self._sides['source'].name} to this destination are disabled, and "
                "stay so: rules does not name them. Start them with the tool that made them, or name them in rules."
            )

    def _remember(self, plan: _plan.Plan, requires_resync: bool) -> None:
        stopped = _plan.stopped(plan)
        if self._options["state"] == "paused":
            self._memory.paused = [*self._memory.paused, *stopped]
        elif self._options["state"] == "present":
            self._memory.paused = []
        else:
            left = {rule.get("ID") for rule in plan.after["source"].rules}
            self._memory.paused = [rule for rule in self._memory.paused if rule in left]
        self._memory.left_behind = requires_resync
        self._memory.save()
