# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_replication``: two buckets set up so that one is the replica of the other, and kept so."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _run
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import BACKENDS, find_profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import Setup, read_setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_pair, same_server, side_spec
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _apply, _plan, _preflight
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_failback import FailBack, VersionAt
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_resync import Resync
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_revert import Revert
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_undelete import Undelete

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import Profile
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_OWN: dict[str, dict[str, t.Any]] = {
    "account_id": {"type": "str"},
    "storage_class": {"type": "str"},
    "kms_key_arn": {"type": "str", "no_log": False},  # the name of a key, which is no secret
}
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
_CONFIGURING = ("present", "absent", "paused")
_ACTING = ("undeleted", "resynced", "failed_back", "reverted")
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": [*_CONFIGURING, *_ACTING], "default": "present"},
    "source": side_spec(required=True, **_OWN),
    "destination": side_spec(required=True, **_OWN, owner_override={"type": "bool", "default": False}),
    "backend": {"type": "str", "choices": list(BACKENDS), "default": "auto"},
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
    "state_dir": {"type": "path"},
    # of the acting states
    "prefix": {"type": "str"},
    "confirm_bucket": {"type": "str"},
    "parallel": {"type": "int", "default": 8},
    "time_limit": {"type": "str"},
    "journal_path": {"type": "path"},
    "sides": {"type": "str", "choices": ["both", "source", "destination"]},
    "deleted_after": {"type": "str"},
    "deleted_before": {"type": "str"},
    "replica_lag": {"type": "str", "default": "15m"},
    "version_at": {"type": "str"},
    "on_conflict": {"type": "str", "choices": ["keep_newer", "keep_source", "fail"], "default": "keep_newer"},
    "pause_forward": {"type": "bool", "default": True},
    "revert_journal": {"type": "path"},
    "resync": {"type": "str", "choices": ["missing", "different", "failed"], "default": "missing"},
    "method": {"type": "str", "choices": ["auto", "batch", "server", "stream"], "default": "auto"},
    "grace": {"type": "str", "default": "15m"},
    "batch_role_arn": {"type": "str"},
    "report_bucket": {"type": "str"},
    "wait": {"type": "bool", "default": True},
}
REQUIRED_IF = [("state", "present", ("rules",))]
_MOST_PARALLEL = 64
_ODD = re.compile(r"[^A-Za-z0-9._-]")


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = _with_priorities(module.params)
    if not 1 <= options["parallel"] <= _MOST_PARALLEL:
        raise OptionError(f"parallel is {options['parallel']}.", hint=f"Use 1 to {_MOST_PARALLEL}.")
    source, destination = open_pair(options["source"], options["destination"], connections=options["parallel"] + 2)
    _preflight.check_options(options)
    if module.check_mode:
        return _run_state(module, options, source, destination)
    with exclusive(options, source), left_when_stopped(_left_of(options)):
        return _run_state(module, options, source, destination)


def _left_of(options: t.Mapping[str, t.Any]) -> str:
    """What is left where a state is stopped before it writes; what is left later, it tells itself."""
    if options["state"] == "failed_back" and options["pause_forward"]:
        return "No object was copied, and the rules to the destination may be paused. Run it again to go on."
    return "Nothing was changed."


def _run_state(module: AnsibleModule, options: dict[str, t.Any], source: Side, destination: Side) -> dict[str, t.Any]:
    actions: dict[str, type[Undelete | VersionAt | Resync | FailBack | Revert]] = {
        "undeleted": VersionAt if options["version_at"] else Undelete,
        "resynced": Resync,
        "failed_back": FailBack,
        "reverted": Revert,
    }
    if options["state"] in actions:
        return actions[options["state"]](module, options, source, destination).run()
    return _Configuration(module, options, source, destination).run()


def exclusive(options: t.Mapping[str, t.Any], source: Side) -> t.ContextManager[str]:
    """The lock of this source bucket on this host: no two runs write to one pair at a time."""
    return _run.exclusive(options["state_dir"] or _run.default_state_dir(), "s3", _ODD.sub("_", source.bucket))


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

    def run(self) -> dict[str, t.Any]:
        """Look, refuse or plan, and take the plan's steps. In check mode, everything but the steps."""
        profile = self._profile()
        before = self._read()
        _preflight.check_setups(self._options, profile, before["source"], before["destination"])
        self._check_public(before)
        plan = _plan.make_plan(self._options, profile, before["source"], before["destination"])
        after, ignored = plan.after, plan.ignored
        if plan.steps and not self._module.check_mode:
            with left_when_stopped("What was set stays set. Run it again to set the rest."):
                _apply.apply(plan, self._sides)
                after = self._read()
            ignored = [
                *ignored,
                *(lost for lost in _apply.read_back(plan, after, profile.drops) if lost not in ignored),
            ]
        return self._result(profile, plan, after, ignored)

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
            "requires_resync": self._requires_resync(plan),
            "object_lock": lock.described(),
            "public_access": {role: setup.public_access for role, setup in after.items()},
            "diff": {"before": _plan.as_text(before_), "after": _plan.as_text(after_)},
        }

    def _requires_resync(self, plan: _plan.Plan) -> bool:
        """Rules see only what is written after them: what was there before, or came while they were paused, is for
        ``resynced``.
        """
        if self._options["state"] == "paused":
            return True
        before, after = (_plan.part(setups["source"], "replication") for setups in (plan.before, plan.after))
        if self._options["state"] == "absent" or before == after:
            return False
        side = self._sides["source"]
        listed: t.Any = side.call(
            "A look for objects", lambda client: client.list_objects_v2(Bucket=side.bucket, MaxKeys=1)
        )
        return bool(listed.get("Contents"))
