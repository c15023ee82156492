# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_recover``: objects of a pair of buckets are brought back, each state by a class of its own."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_pair
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _preflight
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_failback import FailBack, VersionAt
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_pair import PAIR_SPEC, exclusive
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_resync import Resync
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_revert import Revert
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_undelete import Undelete

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": ["undeleted", "resynced", "failed_back", "reverted"], "required": True},
    **PAIR_SPEC,
    **PROGRESS_SPEC,
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
_BELONGS_TO = {
    "prefix": ("undeleted", "resynced", "failed_back"),
    "confirm_bucket": ("undeleted", "resynced", "failed_back"),
    "sides": ("undeleted",),
    "deleted_after": ("undeleted",),
    "deleted_before": ("undeleted",),
    "replica_lag": ("undeleted",),
    "version_at": ("undeleted",),
    "on_conflict": ("failed_back",),
    "pause_forward": ("failed_back",),
    "revert_journal": ("reverted",),
    "resync": ("resynced",),
    "method": ("undeleted", "resynced", "failed_back"),
    "grace": ("resynced",),
    "batch_role_arn": ("resynced",),
    "report_bucket": ("resynced",),
    "wait": ("resynced",),
}
"""Which states an option is for, where that is not all."""
_TITLES = {
    "undeleted": "removing delete markers",
    "resynced": "copying to the destination",
    "failed_back": "copying back to the source",
    "reverted": "taking back",
}
_OF_MARKERS = ("deleted_after", "deleted_before", "replica_lag")
_MOST_PARALLEL = 64


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    check_options(options)
    source, destination = open_pair(options["source"], options["destination"], connections=options["parallel"] + 2)
    if module.check_mode:
        return _recover(module, options, source, destination)
    with exclusive(options, source), left_when_stopped(_left_of(options)):
        return _recover(module, options, source, destination)


def check_options(options: t.Mapping[str, t.Any]) -> None:
    """Raises OptionError on what cannot be right on any server, and on an option that would be ignored."""
    if not 1 <= options["parallel"] <= _MOST_PARALLEL:
        raise OptionError(f"parallel is {options['parallel']}.", hint=f"Use 1 to {_MOST_PARALLEL}.")
    for name, states in _BELONGS_TO.items():
        if options["state"] not in states and _is_given(options, name):
            raise OptionError(
                f"{name}: {options[name]!r} does not belong to state: {options['state']}, but to "
                f"{' and '.join(states)}. Nothing was changed.",
                hint=f"Remove {name}, or correct state.",
            )
    for name in _OF_MARKERS:
        if options["version_at"] and _is_given(options, name):
            raise OptionError(
                f"{name}: {options[name]!r} does not go with version_at: {options['version_at']!r}. Nothing was "
                "changed.",
                hint="version_at brings keys back to a point in time; without it, delete markers of a window go away.",
            )
    if options["method"] == "batch" and options["state"] != "resynced":
        raise OptionError(
            f"method: batch does not belong to state: {options['state']}, but to resynced. Nothing was changed.",
            hint="Set method to auto.",
        )
    if options["state"] == "undeleted" and not options["version_at"] and _is_given(options, "method"):
        raise OptionError(
            f"method: {options['method']} is for copies, and state: undeleted copies only with version_at. Nothing was "
            "changed.",
            hint="Remove method.",
        )
    _preflight.check_options(options)


def _is_given(options: t.Mapping[str, t.Any], name: str) -> bool:
    """Whether it has another value than without being mentioned."""
    return options[name] not in (ARGUMENT_SPEC[name].get("default"), "", None)


def _left_of(options: t.Mapping[str, t.Any]) -> str:
    """What is left where a state is stopped before it writes; what is left later, it tells itself."""
    if options["state"] == "failed_back" and options["pause_forward"]:
        return "No object was copied, and the rules to the destination may be paused. Run it again to go on."
    return "Nothing was changed."


def _recover(module: AnsibleModule, options: dict[str, t.Any], source: Side, destination: Side) -> dict[str, t.Any]:
    actions: dict[str, type[Undelete | VersionAt | Resync | FailBack | Revert]] = {
        "undeleted": VersionAt if options["version_at"] else Undelete,
        "resynced": Resync,
        "failed_back": FailBack,
        "reverted": Revert,
    }
    action = actions[options["state"]](module, options, source, destination)
    action.progress.phase(options["state"], _TITLES[options["state"]], unit="keys")
    result = action.run()
    action.progress.done()
    return result
